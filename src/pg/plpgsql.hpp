// The one door to PL/pgSQL's header, and what may be asked of its blocks.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "plpgsql.h"
}

namespace lifeguard::pg {

// What OTHERS is in a list of conditions.
#ifdef PLPGSQL_OTHERS
constexpr int others_condition = PLPGSQL_OTHERS;
#else
constexpr int others_condition = 0;
#endif

enum class CaughtBy { nothing, name, others };

// Which condition of a block's handlers catches an error: the first that fits, as PL/pgSQL itself has it.
inline CaughtBy caught_by(const PLpgSQL_exception_block &handlers, int sqlstate) {
    const bool others_fit = sqlstate != ERRCODE_QUERY_CANCELED && sqlstate != ERRCODE_ASSERT_FAILURE;
    for (int i = 0; i < list_length(handlers.exc_list); i++) {
        const auto *handler = static_cast<const PLpgSQL_exception *>(list_nth(handlers.exc_list, i));
        for (const PLpgSQL_condition *one = handler->conditions; one != nullptr; one = one->next) {
            const int wanted = one->sqlerrstate;
            if (wanted == others_condition) {
                if (others_fit)
                    return CaughtBy::others;
            } else if (wanted == sqlstate || (ERRCODE_IS_CATEGORY(wanted) && ERRCODE_TO_CATEGORY(sqlstate) == wanted)) {
                return CaughtBy::name;
            }
        }
    }
    return CaughtBy::nothing;
}

// Whether a statement is RAISE and nothing more, which raises again what the handler caught.
inline bool raises_again(const PLpgSQL_stmt &statement) {
    if (statement.cmd_type != PLPGSQL_STMT_RAISE)
        return false;
    const auto &raise = reinterpret_cast<const PLpgSQL_stmt_raise &>(statement);
    return raise.condname == nullptr && raise.message == nullptr && raise.options == NIL;
}

// The block with handlers that a statement is; nullptr when it is none.
inline PLpgSQL_stmt_block *block_with_handlers(PLpgSQL_stmt *statement) {
    if (statement == nullptr || statement->cmd_type != PLPGSQL_STMT_BLOCK)
        return nullptr;
    auto *block = reinterpret_cast<PLpgSQL_stmt_block *>(statement);
    return block->exceptions != nullptr ? block : nullptr;
}

// The block whose subtransaction a function is about to begin: its variables have their values, and its body is not yet
// at work. nullptr: the function is anywhere else.
inline PLpgSQL_stmt_block *entered_block(const PLpgSQL_execstate &function) {
    return function.err_text != nullptr && function.err_var == nullptr ? block_with_handlers(function.err_stmt)
                                                                       : nullptr;
}

// The line of a function at which it failed: of its innermost statement, or of the variable that a block was about to
// initialize. (err_var alone does not tell: it stays set when such a failure is caught.)
inline int failed_line(const PLpgSQL_execstate &function) {
    const PLpgSQL_stmt *statement = function.err_stmt;
    if (statement == nullptr)
        return 0;
    if (statement->cmd_type == PLPGSQL_STMT_BLOCK && function.err_var != nullptr) {
        const auto *block = reinterpret_cast<const PLpgSQL_stmt_block *>(statement);
        for (int i = 0; i < block->n_initvars; i++)
            if (block->initvarnos[i] == function.err_var->dno)
                return function.err_var->lineno;
    }
    return statement->lineno;
}

// The value of one of PL/pgSQL's own text variables (SQLSTATE, SQLERRM); empty when it is null.
inline std::string_view text_variable(const PLpgSQL_execstate &function, int number) {
    const auto *variable = reinterpret_cast<const PLpgSQL_var *>(function.datums[number]);
    if (variable->isnull)
        return {};
    const char *value = DatumGetPointer(variable->value); // as PL/pgSQL set it: neither compressed nor out of line
    return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

} // namespace lifeguard::pg
