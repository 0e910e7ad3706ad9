// Results of a search in an SQLite file: a row a point and fidelity, with the digest of all that it depends on as key.
// Several processes may write to one file at once, on one machine; a killed one loses what it has not put yet.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/support/Sqlite.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace weft::explore {

struct Row {
  std::string digest;   // Candidate::digest
  uint64_t ordinal = 0; // the smallest of the space's that have this digest
  std::string fidelity;
  std::string inputs; // JSON object
  std::string status; // "ok", "refused"
  std::string reasonKind, reason;
  std::string results; // JSON object
  double seconds = 0;  // that the evaluation took: alone of all columns, it is never twice the same
};

/// What a file says about itself.
struct Meta {
  std::string name, space, spaceDigest, weftVersion, seed;
  std::string evaluators; // versions of the models, by fidelity
};

/// The note that keeps the space's base machine, as YAML.
inline constexpr const char *baseNote = "base";

class Store {
public:
  /// Makes a file. Errors: it is there already, it cannot be made.
  static Result<Store> create(const std::string &path, const Meta &meta);
  /// Opens a file that is there. Errors: it is another program's, another version's, damaged, read-only.
  static Result<Store> open(const std::string &path);
  /// The same; nothing is written.
  static Result<Store> openForReading(const std::string &path);

  const Meta &meta() const { return described; }
  const std::string &path() const { return file; }
  /// In one transaction. A digest that is there keeps its row, and the smaller ordinal of both. Errors: the disk is
  /// full or the file cannot be written, and the file is as it was before; a digest has other results than the row.
  Result<void> put(std::span<const Row> rows);
  /// Of a row that is there: another point of the space is equal to it, and comes first. Nothing if there is none.
  Result<void> lowerOrdinal(const std::string &digest, uint64_t ordinal, const std::string &inputs);
  /// Of all rows.
  Result<std::unordered_map<std::string, uint64_t>> ordinals();
  /// All rows by ordinal and fidelity. Stops when `visit` gives an error.
  Result<void> forEach(const std::function<Result<void>(const Row &)> &visit);
  /// A number that outlives the process, such as that all of a shard is done.
  Result<void> setNote(const std::string &name, const std::string &value);
  Result<std::optional<std::string>> note(const std::string &name);

private:
  static Result<Store> openFile(const std::string &path, int flags);
  Result<void> checkFile();
  Result<void> readMeta();
  Result<void> prepare();
  Result<void> putOne(const Row &row);
  Error failure(const char *what) const;
  bool run(const char *sql);
  Result<runtime::SqliteStatement> compile(const char *sql);

  std::string file;
  Meta described;
  runtime::SqliteDatabase database;
  runtime::SqliteStatement insertStatement, findStatement; // after the database: closed before it
};

/// Puts the rows of `sources` into a new file at `target`, which appears when it is complete. Errors: the sources are
/// of different spaces, a digest has different results, or as of Store.
Result<uint64_t> mergeStores(const std::vector<std::string> &sources, const std::string &target);

} // namespace weft::explore
