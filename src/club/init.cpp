#include "club/init.hpp"

namespace lifeguard::club {

void init() {}

} // namespace lifeguard::club
