#include "pg/claims.hpp"

namespace lifeguard::pg {

// Claims that are longer are not searched: an error must not cost more than the statement that failed.
static constexpr size_t longest_claims = 64 * 1024;

// The raw string that is a member of the JSON object, not of an object inside it; without data when there is none.
// No parser: the server's own allocates and raises.
static std::string_view find_member(std::string_view json, std::string_view name) {
    int depth = 0;
    std::string_view string; // the one just read, while it may still be a key
    for (size_t i = 0; i < json.size(); i++) {
        const char c = json[i];
        if (c == '"') {
            const size_t begin = ++i;
            while (i < json.size() && json[i] != '"')
                i += json[i] == '\\' ? 2 : 1;
            if (i >= json.size())
                return {};
            if (string.data() != nullptr && string == name && depth == 1)
                return json.substr(begin, i - begin); // string, colon, string
            string = {};
            const size_t next = json.find_first_not_of(" \t\r\n", i + 1);
            if (next != std::string_view::npos && json[next] == ':') {
                string = json.substr(begin, i - begin);
                i = next;
            }
        } else if (c == '{' || c == '[') {
            depth++;
            string = {};
        } else if (c == '}' || c == ']') {
            depth--;
            string = {};
        } else if (strchr(" \t\r\n", c) == nullptr) {
            string = {}; // the member is no string
        }
    }
    return {};
}

// The value of a hexadecimal digit; -1 for another character.
static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Reads a UUID in its usual form, with hyphens.
static bool read_uuid(std::string_view text, pg_uuid_t *uuid) {
    if (text.size() != 36)
        return false;
    int digits = 0;
    for (size_t i = 0; i < text.size(); i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return false;
            continue;
        }
        const int value = hex_value(text[i]);
        if (value < 0)
            return false;
        unsigned char &byte = uuid->data[digits / 2];
        byte = static_cast<unsigned char>(digits % 2 == 0 ? value << 4 : byte | value);
        digits++;
    }
    return true;
}

bool claimed_subject(pg_uuid_t *subject) {
    const char *claims = GetConfigOption("request.jwt.claims", true, false);
    if (claims != nullptr && *claims != '\0' &&
        read_uuid(find_member(std::string_view(claims, strnlen(claims, longest_claims)), "sub"), subject))
        return true;
    const char *sub = GetConfigOption("request.jwt.claim.sub", true, false);
    if (sub != nullptr && read_uuid(std::string_view(sub, strnlen(sub, 64)), subject))
        return true;
    *subject = pg_uuid_t{};
    return false;
}

} // namespace lifeguard::pg
