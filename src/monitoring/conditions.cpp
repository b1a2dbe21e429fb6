// lifeguard.is_always_true(): conditions that ask nothing of a row. None of the application's code runs for it.
#include "pg/subtransaction.hpp"

using namespace lifeguard;

namespace {

// Is the function other than immutable, or not the server's own?
bool is_foreign_function(Oid function, void *context) {
    (void)context;
    return function >= FirstNormalObjectId || func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

// Does an expression hold anything that is no constant, or more than the server's own functions of constants?
bool asks(Node *node, void *context) {
    if (node == nullptr)
        return false;
    switch (nodeTag(node)) {
    case T_List:
    case T_Const:
    case T_FuncExpr:
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
    case T_ScalarArrayOpExpr:
    case T_BoolExpr:
    case T_NullTest:
    case T_BooleanTest:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_ArrayExpr:
    case T_CaseExpr:
    case T_CaseWhen:
    case T_CoalesceExpr:
        return check_functions_in_node(node, is_foreign_function, context) || pg::walk_expression(node, asks, context);
    default:
        return true;
    }
}

// An expression, and what it comes to.
struct Folding {
    Node *expression;
    bool is_known;
    bool value;
};

// Evaluates a constant expression; for a subtransaction, since 1 / 0 is one.
void fold(void *argument) {
    auto &folding = *static_cast<Folding *>(argument);
    Node *result = eval_const_expressions(nullptr, folding.expression);
    if (result == nullptr || !IsA(result, Const))
        return;
    const auto *constant = reinterpret_cast<const Const *>(result);
    folding.is_known = constant->consttype == BOOLOID && !constant->constisnull;
    folding.value = folding.is_known && DatumGetBool(constant->constvalue);
}

// The only column of a sub-select without FROM and WHERE, as policies have for speed; nullptr for another.
Node *selected(const SubLink *link) {
    const auto *query = castNode(Query, link->subselect);
    const bool is_plain = link->subLinkType == EXPR_SUBLINK && query->commandType == CMD_SELECT &&
                          query->rtable == NIL && query->jointree->quals == nullptr &&
                          query->setOperations == nullptr && query->havingQual == nullptr &&
                          query->limitOffset == nullptr && query->limitCount == nullptr && !query->hasAggs &&
                          !query->hasTargetSRFs && list_length(query->targetList) == 1;
    return is_plain ? reinterpret_cast<Node *>(linitial_node(TargetEntry, query->targetList)->expr) : nullptr;
}

// Has the condition this value for every row?
bool is_always(Node *node, bool value) {
    if (IsA(node, SubLink)) {
        Node *column = selected(reinterpret_cast<const SubLink *>(node));
        return column != nullptr && is_always(column, value);
    }
    if (IsA(node, BoolExpr)) {
        const auto *expression = reinterpret_cast<const BoolExpr *>(node);
        if (expression->boolop == NOT_EXPR)
            return is_always(static_cast<Node *>(linitial(expression->args)), !value);
        const bool one_decides = (expression->boolop == OR_EXPR) == value;
        ListCell *cell;
        foreach (cell, expression->args)
            if (is_always(static_cast<Node *>(lfirst(cell)), value) == one_decides)
                return one_decides;
        return !one_decides;
    }
    if (asks(node, nullptr))
        return false;
    Folding folding = {node, false, false};
    if (IsA(node, Const))
        fold(&folding);
    else if (pg::try_in_subtransaction(fold, &folding) != nullptr)
        return false;
    return folding.is_known && folding.value == value;
}

} // namespace

// is_always_true(condition): an expression of the catalog, of type boolean.
LG_FUNCTION(lifeguard_is_always_true) {
    Node *condition = static_cast<Node *>(stringToNode(TextDatumGetCString(PG_GETARG_DATUM(0))));
    PG_RETURN_BOOL(condition != nullptr && is_always(condition, true));
}
