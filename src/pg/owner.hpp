// Acting as a table's owner, past row security also where it is forced: the way the server's own foreign keys look.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// Who ran before enter_owner().
struct Caller {
    Oid role;
    int security;
};

// Becomes the owner until leave_owner(); the end of a failed (sub)transaction undoes it too. `more` adds restrictions.
inline Caller enter_owner(Oid owner, int more = 0) {
    Caller caller;
    GetUserIdAndSecContext(&caller.role, &caller.security);
    SetUserIdAndSecContext(owner, caller.security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS | more);
    return caller;
}

// Becomes the caller again.
inline void leave_owner(const Caller &caller) {
    SetUserIdAndSecContext(caller.role, caller.security);
}

} // namespace lifeguard::pg
