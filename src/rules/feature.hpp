// What a kind of rule is to the engine. A feature brings three steps, run for every row in this order over all
// features: refuse (raise), set (columns of the new row), act (after the row is stored or gone).
#pragma once

#include "pg/server.hpp"
#include "rules/definition.hpp"
#include "rules/expression.hpp"

namespace lifeguard::rules {

enum class Timing { before, after };

constexpr int max_features = 16;

// A trigger's rules, compiled for one table in this backend.
struct Compiled {
    Oid trigger;
    Oid table;
    const char *name; // of the table, as SQL writes it
    Timing timing;
    MemoryContext memory;
    bool stale;  // something it was made from has changed
    bool in_use; // running further out in the call stack
    void *rules[max_features];
    ExprContext *expressions;
    TupleTableSlot *no_row; // all columns NULL: `old` of an INSERT
    List *evaluated;        // Expression *, to be freed
    Oid root;               // the partitioned table at the top, or the table itself
    Oid declared_on;        // the table whose trigger it is, or of which a partition's trigger is a copy
    Oid declared_by;        // the trigger there; it has the dependencies
    Oid companion;          // BEFORE: the AFTER trigger beside it, or InvalidOid
    bool follows_moves;     // it is a partition, and its rules care how rows come and go
    Oid owner;              // of that table: the rules run as this role, also in a partition that is another's
    Compiled *next;
};

// One row on its way through a trigger of ours.
struct RowChange {
    const Compiled *compiled;
    Relation table;
    bool insert;
    const Bitmapset *named; // UPDATE: the columns that the statement sets, as the server numbers them in sets
    TupleTableSlot *before;
    TupleTableSlot *after;
    Oid caller; // who ran the statement; the rules run as the owner
    int set_count;
    int *set_columns;
    Datum *set_values;
    bool *set_nulls;
};

// Columns that change only under a condition; nullptr: never.
struct Protection {
    Bitmapset *columns;
    const char *condition;
};

// Collects what a feature needs while its rules are compiled.
struct Compilation {
    Relation table;
    Timing timing;
    Compiled *compiled;
    bool on_insert; // events the trigger must fire on
    bool on_update;
    bool on_delete;     // BEFORE: asked for on partitioned tables, to see rows leave
    bool on_truncate;   // AFTER: brings a statement trigger beside the two
    bool on_any_column; // an AFTER trigger that sees every UPDATE, whatever is watched
    Bitmapset *watched; // columns (attribute numbers) whose change matters to an AFTER trigger
    Bitmapset *columns; // columns that must not be dropped behind the rules
    Bitmapset *set;     // columns that rules set ...
    Bitmapset *settled; // ... and those that none may: they have been checked
    List *protections;  // Protection *
    List *analyzed;     // AnalyzedExpression *
};

// A kind of rule, or several that work together. `compile` gets every definition of the trigger and takes its own
// kinds; it returns nullptr when none is there. Steps not needed are nullptr. `act` is asked for rows that were
// inserted or updated; those that were deleted, which have no `after`, and a table that was emptied, which has no row,
// have steps of their own.
struct Feature {
    const char *name;
    bool (*owns)(const char *kind, Timing timing);
    void *(*compile)(Compilation &compilation, const Definition *definitions, int count);
    void (*refuse)(void *rules, RowChange &change);
    void (*set)(void *rules, RowChange &change);
    void (*act)(void *rules, RowChange &change);
    void (*act_on_delete)(void *rules, RowChange &change);
    void (*act_on_truncate)(void *rules, RowChange &change);
    // What would be lost if this row left its partition, whose AFTER UPDATE then never comes; nullptr for nothing.
    const char *(*lost_by_move)(void *before, void *after, const RowChange &change);
    // A number for what is checked of a row: the half of a move that arrives must have the same as the half that left.
    uint32 (*signature)(void *before, TupleTableSlot *row);
    // Do the two triggers' rules agree? Raises LG010 when declared.
    void (*agree)(Relation table, void *before, void *after);
};

// Will the AFTER trigger see a change of this column? Not when another trigger made it and the statement does not name
// it.
bool after_trigger_sees(const RowChange &change, AttrNumber column);

// What the AFTER trigger beside this BEFORE trigger has compiled for the same feature, or nullptr; to be used at once.
void *after_part(const RowChange &change, const void *before_part);

// Makes a feature known; called once from init(). Features run in the order of registration.
void register_feature(const Feature &feature);
int feature_count();
const Feature &feature_at(int index);

// Lets the BEFORE trigger see the DELETE half of an UPDATE that moves a row to another partition.
void follow_moves(Compilation &compilation);

// The attribute number of a column; LG010 when the table has no such column or it is generated.
AttrNumber find_column(Relation table, const char *name, const char *rule);

// Compiles an expression of a rule and keeps it with the trigger's rules.
Expression *add_expression(Compilation &compilation, const char *source, const char *label, Purpose purpose,
                           AttrNumber column = 0);

// Lets a rule set a column of the new row. The last value set for a column stays.
void set_column(RowChange &change, AttrNumber column, Datum value, bool isnull);

} // namespace lifeguard::rules
