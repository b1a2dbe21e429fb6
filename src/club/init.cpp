#include "club/init.hpp"
#include "pg/table.hpp"

namespace lifeguard::club {

void init() {
    pg::init_tables();
}

} // namespace lifeguard::club
