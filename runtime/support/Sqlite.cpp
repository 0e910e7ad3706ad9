#include "runtime/support/Sqlite.h"

#include <sqlite3.h>

namespace weft::runtime {

void SqliteClose::operator()(sqlite3 *database) const { sqlite3_close(database); }
void SqliteClose::operator()(sqlite3_stmt *statement) const { sqlite3_finalize(statement); }

bool runSql(sqlite3 *database, const char *sql) {
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

SqliteStatement compileSql(sqlite3 *database, const char *sql) {
  sqlite3_stmt *statement = nullptr;
  const int status = sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  return SqliteStatement(status == SQLITE_OK ? statement : nullptr);
}

void bindText(sqlite3_stmt *statement, int index, const std::string &text) {
  sqlite3_bind_text(statement, index, text.data(), int(text.size()), SQLITE_STATIC);
}

std::string textAt(sqlite3_stmt *statement, int column) {
  const auto *text = reinterpret_cast<const char *>(sqlite3_column_text(statement, column));
  return text ? std::string(text, size_t(sqlite3_column_bytes(statement, column))) : std::string();
}

} // namespace weft::runtime
