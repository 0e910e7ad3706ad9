#include "explore/store/Store.h"

#include "hw-models/support/RegularFile.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <unistd.h>

namespace weft::explore {

using runtime::bindText;
using runtime::SqliteStatement;
using runtime::textAt;

namespace {

constexpr int busyMilliseconds = 60'000;
// Tells our files from other programs' ("WeEX"), and this layout from later ones.
constexpr int applicationId = 0x57654558, layoutVersion = 1;

constexpr const char *createTables = "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
                                     "CREATE TABLE points(digest TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, fidelity "
                                     "TEXT NOT NULL, inputs TEXT NOT NULL, "
                                     "status TEXT NOT NULL, reason_kind TEXT NOT NULL, reason TEXT NOT NULL, results "
                                     "TEXT NOT NULL, seconds REAL NOT NULL)";

constexpr const char *columns = "digest, ordinal, fidelity, inputs, status, reason_kind, reason, results, seconds";

Row rowOf(sqlite3_stmt *statement) {
  Row row;
  row.digest = textAt(statement, 0);
  row.ordinal = uint64_t(sqlite3_column_int64(statement, 1));
  row.fidelity = textAt(statement, 2);
  row.inputs = textAt(statement, 3);
  row.status = textAt(statement, 4);
  row.reasonKind = textAt(statement, 5);
  row.reason = textAt(statement, 6);
  row.results = textAt(statement, 7);
  row.seconds = sqlite3_column_double(statement, 8);
  return row;
}

} // namespace

Error Store::failure(const char *what) const {
  const int code = sqlite3_errcode(database.get());
  const char *advice =
      code == SQLITE_FULL ? "make room on the disk and go on with --resume; what is in the file is complete"
      : code == SQLITE_CORRUPT || code == SQLITE_NOTADB    ? "the file is damaged; name another with -o"
      : code == SQLITE_READONLY || code == SQLITE_CANTOPEN ? "it must be possible to write the file and its folder"
                                                           : "what is in the file is complete";
  return userError(
      fmt::format("the results {} cannot be {}: {}; {}", file, what, sqlite3_errmsg(database.get()), advice));
}

bool Store::run(const char *sql) { return runtime::runSql(database.get(), sql); }

Result<SqliteStatement> Store::compile(const char *sql) {
  SqliteStatement statement = runtime::compileSql(database.get(), sql);
  if (!statement)
    return failure("read");
  return statement;
}

Result<Store> Store::openFile(const std::string &path, int flags) {
  Store store;
  store.file = path;
  sqlite3 *database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  store.database.reset(database);
  if (opened != SQLITE_OK)
    return store.failure("opened");
  sqlite3_busy_timeout(database, busyMilliseconds);
  return store;
}

Result<Store> Store::create(const std::string &path, const Meta &meta) {
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::absolute(path, failed).parent_path();
  if (!std::filesystem::is_directory(folder, failed))
    return userError(fmt::format("the results {} cannot be made: there is no folder {}", path, folder.string()));
  // Under another name, so that nobody meets a file without tables; the link fails if the name is taken.
  const std::string draft = fmt::format("{}.new-{}", path, ::getpid());
  {
    std::filesystem::remove(draft, failed); // of a dead process with our number
    auto made = openFile(draft, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (!made)
      return made.takeError();
    const std::string setUp = fmt::format("BEGIN; {}; PRAGMA application_id={}; PRAGMA user_version={}", createTables,
                                          applicationId, layoutVersion);
    bool fine = made->run("PRAGMA journal_mode=MEMORY") && made->run(setUp.c_str());
    Result<void> noted = success();
    for (const auto &[name, value] : {std::pair<const char *, const std::string *>{"name", &meta.name},
                                      {"space", &meta.space},
                                      {"space_digest", &meta.spaceDigest},
                                      {"weft_version", &meta.weftVersion},
                                      {"seed", &meta.seed},
                                      {"evaluators", &meta.evaluators}})
      if (fine && noted)
        noted = made->setNote(name, *value);
    // Readers and one writer at once; it stays with the file.
    fine = fine && noted && made->run("COMMIT") && made->run("PRAGMA journal_mode=WAL");
    const Error error = noted ? made->failure("made") : noted.error();
    made->database.reset();
    if (!fine) {
      std::filesystem::remove(draft, failed);
      return userError(error.message);
    }
  }
  const bool isTaken = ::link(draft.c_str(), path.c_str()) != 0;
  std::filesystem::remove(draft, failed);
  if (isTaken)
    return userError(fmt::format("{} is there already; go on with --resume, or name another file with -o", path));
  return open(path);
}

Result<Store> Store::open(const std::string &path) {
  if (Result<void> regular = checkRegularFile(path); !regular)
    return regular.takeError();
  auto store = openFile(path, SQLITE_OPEN_READWRITE);
  if (!store)
    return store;
  if (auto checked = store->checkFile(); !checked)
    return checked.takeError();
  if (sqlite3_db_readonly(store->database.get(), "main") == 1)
    return userError(fmt::format("the results {} cannot be written: the file is read-only", path));
  // What a power cut takes is computed again.
  store->run("PRAGMA synchronous=NORMAL");
  if (auto prepared = store->prepare(); !prepared)
    return prepared.takeError();
  return store;
}

Result<Store> Store::openForReading(const std::string &path) {
  if (Result<void> regular = checkRegularFile(path); !regular)
    return regular.takeError();
  auto store = openFile(path, SQLITE_OPEN_READWRITE); // a file in WAL mode cannot be read without its side files
  if (!store)
    store = openFile(path, SQLITE_OPEN_READONLY);
  if (!store)
    return store;
  if (auto checked = store->checkFile(); !checked)
    return checked.takeError();
  return store;
}

Result<void> Store::checkFile() {
  auto number = [&](const char *sql) -> Result<int> {
    auto statement = compile(sql);
    if (!statement)
      return statement.takeError();
    if (sqlite3_step(statement->get()) != SQLITE_ROW)
      return failure("read");
    return sqlite3_column_int(statement->get(), 0);
  };
  auto application = number("PRAGMA application_id");
  if (!application)
    return application.takeError();
  auto layout = number("PRAGMA user_version");
  if (!layout)
    return layout.takeError();
  if (*application != applicationId)
    return userError(fmt::format("{} holds no results of weft explore; name another file with -o", file));
  if (*layout != layoutVersion)
    return userError(
        fmt::format("{} is of another version of Weft (layout {}, this one has {}); name another file with -o", file,
                    *layout, layoutVersion));
  auto checked = compile("PRAGMA quick_check(1)");
  if (!checked)
    return checked.takeError();
  if (sqlite3_step(checked->get()) != SQLITE_ROW)
    return failure("read");
  if (const std::string found = textAt(checked->get(), 0); found != "ok")
    return userError(fmt::format("the results {} are damaged ({}); name another file with -o", file,
                                 found.substr(0, found.find('\n'))));
  return readMeta();
}

Result<void> Store::readMeta() {
  for (const auto &[name, value] : {std::pair<const char *, std::string *>{"name", &described.name},
                                    {"space", &described.space},
                                    {"space_digest", &described.spaceDigest},
                                    {"weft_version", &described.weftVersion},
                                    {"seed", &described.seed},
                                    {"evaluators", &described.evaluators}}) {
    auto found = note(name);
    if (!found)
      return found.takeError();
    if (!*found)
      return userError(
          fmt::format("the results {} are damaged (they do not say their {}); name another file with -o", file, name));
    *value = **found;
  }
  return success();
}

Result<void> Store::prepare() {
  const std::string insert = fmt::format(
      "INSERT INTO points({}) VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(digest) DO UPDATE SET "
      "ordinal=min(ordinal, excluded.ordinal), inputs=CASE WHEN excluded.ordinal<ordinal THEN excluded.inputs ELSE "
      "inputs END "
      "WHERE fidelity=excluded.fidelity AND status=excluded.status AND reason_kind=excluded.reason_kind AND "
      "reason=excluded.reason AND results=excluded.results",
      columns);
  auto compiled = compile(insert.c_str());
  if (!compiled)
    return compiled.takeError();
  insertStatement = *std::move(compiled);
  return success();
}

Result<void> Store::putOne(const Row &row) {
  sqlite3_stmt *statement = insertStatement.get();
  bindText(statement, 1, row.digest);
  sqlite3_bind_int64(statement, 2, int64_t(row.ordinal));
  bindText(statement, 3, row.fidelity);
  bindText(statement, 4, row.inputs);
  bindText(statement, 5, row.status);
  bindText(statement, 6, row.reasonKind);
  bindText(statement, 7, row.reason);
  bindText(statement, 8, row.results);
  sqlite3_bind_double(statement, 9, row.seconds);
  const int status = sqlite3_step(statement);
  std::optional<Error> error;
  if (status != SQLITE_DONE)
    error = failure("written"); // before the reset, which may change the message
  else if (sqlite3_changes(database.get()) == 0)
    error =
        userError(fmt::format("{}: point {} ({}) has other results here; they were computed with different programs",
                              file, row.ordinal, row.digest));
  sqlite3_reset(statement);
  if (error)
    return *error;
  return success();
}

Result<void> Store::put(std::span<const Row> rows) {
  if (rows.empty())
    return success();
  if (!run("BEGIN IMMEDIATE"))
    return failure("written");
  for (const Row &row : rows)
    if (auto done = putOne(row); !done) {
      run("ROLLBACK");
      return done;
    }
  if (!run("COMMIT")) {
    const Error error = failure("written");
    run("ROLLBACK");
    return error;
  }
  return success();
}

Result<void> Store::lowerOrdinal(const std::string &digest, uint64_t ordinal, const std::string &inputs) {
  auto statement = compile("UPDATE points SET ordinal=?1, inputs=?2 WHERE digest=?3 AND ordinal>?1");
  if (!statement)
    return statement.takeError();
  sqlite3_bind_int64(statement->get(), 1, int64_t(ordinal));
  bindText(statement->get(), 2, inputs);
  bindText(statement->get(), 3, digest);
  return sqlite3_step(statement->get()) == SQLITE_DONE ? success() : Result<void>(failure("written"));
}

Result<std::unordered_map<std::string, uint64_t>> Store::ordinals() {
  auto statement = compile("SELECT digest, ordinal FROM points");
  if (!statement)
    return statement.takeError();
  std::unordered_map<std::string, uint64_t> out;
  int status = SQLITE_ROW;
  while ((status = sqlite3_step(statement->get())) == SQLITE_ROW)
    out.emplace(textAt(statement->get(), 0), uint64_t(sqlite3_column_int64(statement->get(), 1)));
  if (status != SQLITE_DONE)
    return failure("read");
  return out;
}

Result<void> Store::forEach(const std::function<Result<void>(const Row &)> &visit) {
  auto statement = compile(fmt::format("SELECT {} FROM points ORDER BY ordinal, fidelity, digest", columns).c_str());
  if (!statement)
    return statement.takeError();
  int status = SQLITE_ROW;
  while ((status = sqlite3_step(statement->get())) == SQLITE_ROW)
    if (auto done = visit(rowOf(statement->get())); !done)
      return done;
  return status == SQLITE_DONE ? success() : Result<void>(failure("read"));
}

Result<void> Store::setNote(const std::string &name, const std::string &value) {
  auto statement = compile("INSERT OR REPLACE INTO meta(name, value) VALUES(?, ?)");
  if (!statement)
    return statement.takeError();
  bindText(statement->get(), 1, name);
  bindText(statement->get(), 2, value);
  return sqlite3_step(statement->get()) == SQLITE_DONE ? success() : Result<void>(failure("written"));
}

Result<std::optional<std::string>> Store::note(const std::string &name) {
  auto statement = compile("SELECT value FROM meta WHERE name=?");
  if (!statement)
    return statement.takeError();
  bindText(statement->get(), 1, name);
  const int status = sqlite3_step(statement->get());
  if (status == SQLITE_DONE)
    return std::optional<std::string>();
  if (status != SQLITE_ROW)
    return failure("read");
  return std::optional(textAt(statement->get(), 0));
}

Result<uint64_t> mergeStores(const std::vector<std::string> &sources, const std::string &target) {
  std::error_code failed;
  if (std::filesystem::exists(target, failed))
    return userError(fmt::format("{} is there already; name another file with -o", target));
  const std::string draft = fmt::format("{}.merge-{}", target, ::getpid());
  auto removeDraft = [&] {
    for (const char *ending : {"", "-wal", "-shm"})
      std::filesystem::remove(draft + ending, failed);
  };
  auto merge = [&]() -> Result<uint64_t> {
    std::optional<Store> out;
    for (const std::string &path : sources) {
      auto source = Store::openForReading(path);
      if (!source)
        return source.takeError();
      if (!out) {
        auto made = Store::create(draft, source->meta());
        if (!made)
          return made.takeError();
        out.emplace(*std::move(made));
        auto base = source->note(baseNote);
        Result<void> kept = base ? success() : Result<void>(base.takeError());
        if (base && *base)
          kept = out->setNote(baseNote, **base);
        if (!kept)
          return kept.takeError();
      } else if (source->meta().spaceDigest != out->meta().spaceDigest) {
        return userError(fmt::format("{} and {} hold results of different spaces", sources[0], path));
      } else if (source->meta().evaluators != out->meta().evaluators) {
        return userError(fmt::format("{} and {} hold results of different versions of Weft ({} and {})", sources[0],
                                     path, out->meta().evaluators, source->meta().evaluators));
      }
      std::vector<Row> rows;
      constexpr size_t batch = 4096;
      auto visited = source->forEach([&](const Row &row) -> Result<void> {
        rows.push_back(row);
        if (rows.size() < batch)
          return success();
        auto put = out->put(rows);
        rows.clear();
        return put;
      });
      if (visited)
        visited = out->put(rows);
      if (!visited)
        return visited.takeError();
    }
    auto all = out->ordinals();
    if (!all)
      return all.takeError();
    return uint64_t(all->size());
  };
  auto count = merge(); // the file is closed by now, and whole without its side files
  if (count && ::link(draft.c_str(), target.c_str()) != 0)
    count = userError(
        fmt::format("{} is there already, or its folder cannot be written; name another file with -o", target));
  removeDraft();
  return count;
}

} // namespace weft::explore
