#include "rules/batch.hpp"
#include "rules/compiled.hpp"
#include "rules/ddl.hpp"
#include "rules/nesting.hpp"
#include "rules/partition_move.hpp"
#include "rules/rules.hpp"

namespace lifeguard::rules {

void init() {
    init_nesting();
    init_compiled();
    init_batches();
    init_partition_moves();
    init_ddl();
}

} // namespace lifeguard::rules
