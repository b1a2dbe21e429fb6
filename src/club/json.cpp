#include "club/json.hpp"

namespace lifeguard::club {

Object::Object() : state(nullptr) {
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
}

void Object::add(const char *key, JsonbValue *value) {
    JsonbValue name;
    name.type = jbvString;
    name.val.string.val = const_cast<char *>(key);
    name.val.string.len = static_cast<int>(strlen(key));
    pushJsonbValue(&state, WJB_KEY, &name);
    pushJsonbValue(&state, WJB_VALUE, value);
}

Object &Object::add(const char *key, const char *text) {
    JsonbValue value;
    value.type = text == nullptr ? jbvNull : jbvString;
    if (text != nullptr) {
        value.val.string.val = const_cast<char *>(text);
        value.val.string.len = static_cast<int>(strlen(text));
    }
    add(key, &value);
    return *this;
}

Object &Object::add(const char *key, int64 number) {
    JsonbValue value;
    value.type = jbvNumeric;
    value.val.numeric = int64_to_numeric(number);
    add(key, &value);
    return *this;
}

Object &Object::add(const char *key, bool truth) {
    JsonbValue value;
    value.type = jbvBool;
    value.val.boolean = truth;
    add(key, &value);
    return *this;
}

Object &Object::add_uuid(const char *key, Datum id) {
    return add(key, DatumGetCString(DirectFunctionCall1(uuid_out, id)));
}

Datum Object::datum() {
    return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
}

} // namespace lifeguard::club
