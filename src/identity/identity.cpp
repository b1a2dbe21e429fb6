#include "identity/answers.hpp"
#include "identity/identity.hpp"

namespace lifeguard::identity {

void init() {
    init_claims();
    init_sources();
    init_answers();
}

} // namespace lifeguard::identity
