#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "rules/nesting.hpp"

namespace lifeguard::rules {

Frame *current_frame = nullptr;

static int max_depth = 16;

// Writes the chain from the outermost rule to the innermost.
static void append_chain(StringInfo text, const Frame *frame) {
    if (frame->outer != nullptr) {
        append_chain(text, frame->outer);
        appendStringInfoString(text, " => ");
    }
    appendStringInfoString(text, frame->table);
    if (frame->doing != nullptr)
        appendStringInfo(text, ": %s", frame->doing);
}

void check_depth(const Frame &frame) {
    if (frame.depth <= max_depth)
        return;
    StringInfoData chain;
    initStringInfo(&chain);
    append_chain(&chain, &frame);
    ereport(ERROR, (errcode(err::nested_too_deep),
                    errmsg("rules of table %s call themselves: more than %d deep", frame.table, max_depth),
                    errdetail_internal("%s", pg::Detail().add("table", frame.table).add("chain", chain.data).text()),
                    errhint("Break the chain, or raise lifeguard.max_depth if it is meant to be that deep.")));
}

void init_nesting() {
    DefineCustomIntVariable("lifeguard.max_depth", "How deep rules may call each other through the rows they change.",
                            nullptr, &max_depth, 16, 1, 1000, PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

} // namespace lifeguard::rules
