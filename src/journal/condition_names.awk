# Makes condition_names.inc, the initialisers of the table in error_names.cpp, a SQLSTATE and its name each:
#
#   awk -f condition_names.awk SHAREDIR/errcodes.txt src/pg/errors.hpp
#
# The server's errors as PL/pgSQL names them, then our own. The club's names are in capitals, as in its messages.

function put(code, name) { printf "    {sqlstate(\"%s\"), \"%s\"},\n", code, name; names++ }

# 22012    E    ERRCODE_DIVISION_BY_ZERO    division_by_zero
FILENAME ~ /\.txt$/ && $2 == "E" && NF == 4 { put($1, $4) }

# constexpr int invalid_rule = sqlstate("LG010");
FILENAME ~ /\.hpp$/ && /^constexpr int [a-z_]+ = sqlstate\("LG[0-9]+"\);/ {
    code = substr($5, 11, 5)
    put(code, code ~ /^LG1/ ? toupper($3) : $3)
}

END { if (names < 200) { print "condition_names.awk: found " names + 0 " names only" > "/dev/stderr"; exit 1 } }
