#include "pg/claims.hpp"
#include "pg/json.hpp"
#include "pg/uuid.hpp"

namespace lifeguard::pg {

// Claims that are longer are not searched here: an error must not cost more than the statement that failed.
static constexpr size_t longest_searched = 64 * 1024;

bool claimed_subject(pg_uuid_t *subject) {
    *subject = pg_uuid_t{};
    const char *claims = GetConfigOption(claims_setting, true, false);
    if (claims == nullptr || *claims == '\0') {
        const char *sub = GetConfigOption("request.jwt.claim.sub", true, false);
        return sub != nullptr && read_uuid(std::string_view(sub, strnlen(sub, 64)), subject);
    }
    const std::string_view object(claims, strnlen(claims, longest_searched));
    char sub[64];
    const bool sound = is_json(object) && is_json_object(object);
    const int length = sound ? json_text(json_member(object, "sub"), sub, sizeof sub) : -1;
    if (length >= 0 && read_uuid(std::string_view(sub, static_cast<size_t>(length)), subject))
        return true;
    *subject = pg_uuid_t{};
    return false;
}

} // namespace lifeguard::pg
