#include "guards/updated_at.hpp"
#include "rules/feature.hpp"

namespace lifeguard::guards {

// The column, and now() in its type.
struct UpdatedAt {
    AttrNumber column;
    rules::Expression *now;
};

// One kind, in the BEFORE trigger.
static bool owns(const char *kind, rules::Timing timing) {
    return timing == rules::Timing::before && std::string_view(kind) == "keep_updated_at";
}

// Compiles the rule; a table needs one at most, and the last one declared holds.
static void *compile(rules::Compilation &compilation, const rules::Definition *definitions, int count) {
    UpdatedAt *rule = nullptr;
    for (int i = 0; i < count; i++) {
        if (!owns(definitions[i].kind, compilation.timing))
            continue;
        const char *name = rules::required_text(compilation.table, definitions[i], "column");
        const char *label = psprintf("keep_updated_at %s", name);
        rule = static_cast<UpdatedAt *>(palloc(sizeof(UpdatedAt)));
        rule->column = rules::find_column(compilation.table, name, label);
        rule->now = rules::add_expression(compilation, "now()", label, rules::Purpose::stamp, rule->column);
        compilation.columns = bms_add_member(compilation.columns, rule->column);
        compilation.on_update = true;
    }
    return rule;
}

// Sets the column on every UPDATE, also when the statement names it.
static void set(void *rules, rules::RowChange &change) {
    if (change.insert)
        return;
    const auto &rule = *static_cast<const UpdatedAt *>(rules);
    bool isnull;
    const Datum now = rules::evaluate(*rule.now, change, &isnull);
    rules::set_column(change, rule.column, now, isnull);
}

void init_updated_at() {
    rules::register_feature(
        {"keep_updated_at", owns, compile, nullptr, set, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr});
}

} // namespace lifeguard::guards
