// What all files of ours in SQLite's format need: handles that close themselves, statements, text. What a file holds
// and what its errors say is its owner's.
#pragma once

#include <memory>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace weft::runtime {

struct SqliteClose {
  void operator()(sqlite3 *database) const;
  void operator()(sqlite3_stmt *statement) const;
};
using SqliteDatabase = std::unique_ptr<sqlite3, SqliteClose>;
using SqliteStatement = std::unique_ptr<sqlite3_stmt, SqliteClose>; // to be closed before its database

/// Runs statements without results. False: the database says why.
bool runSql(sqlite3 *database, const char *sql);
/// A statement that is used again and again; null if it is wrong or the file cannot be read.
SqliteStatement compileSql(sqlite3 *database, const char *sql);
/// The parameter `index`, from 1. The text must outlive the step.
void bindText(sqlite3_stmt *statement, int index, const std::string &text);
/// The row's column, from 0; empty for a null.
std::string textAt(sqlite3_stmt *statement, int column);

} // namespace weft::runtime
