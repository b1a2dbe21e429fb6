// A jsonb object built key by key.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::club {

class Object {
public:
    Object();
    Object &add(const char *key, const char *value); // nullptr: null
    Object &add(const char *key, int64 value);
    Object &add(const char *key, bool value);
    Object &add_uuid(const char *key, Datum value);
    Datum datum();

private:
    void add(const char *key, JsonbValue *value);
    JsonbParseState *state;
};

} // namespace lifeguard::club
