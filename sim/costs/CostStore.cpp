#include "sim/costs/CostStore.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

namespace weft::sim {
namespace {

constexpr int busyMilliseconds = 10'000;
// Tells our files from other programs' ("WeKC"), and this layout from later ones.
constexpr int applicationId = 0x57654b43, layoutVersion = 1;

constexpr const char *createTable = "CREATE TABLE IF NOT EXISTS costs("
                                    "object TEXT, kernel TEXT, call TEXT, core TEXT, "
                                    "cycles INTEGER NOT NULL, instructions INTEGER NOT NULL, "
                                    "PRIMARY KEY(object, kernel, call, core)) WITHOUT ROWID";

/// The number that `sql` gives; absent if it fails.
std::optional<int> ask(sqlite3 *database, const char *sql) {
  sqlite3_stmt *statement = nullptr;
  std::optional<int> value;
  if (sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
    value = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return value;
}

void bindKey(sqlite3_stmt *statement, const CostKey &key) {
  runtime::bindText(statement, 1, key.object);
  runtime::bindText(statement, 2, key.kernel);
  runtime::bindText(statement, 3, key.call);
  runtime::bindText(statement, 4, key.core);
}

} // namespace

Error CostStore::failure(const char *what) const {
  return userError(fmt::format("the cache of kernel costs {} cannot be {}: {}; delete it, or name another with "
                               "--cost-cache",
                               path, what, sqlite3_errmsg(database.get())));
}

bool CostStore::run(const char *sql) { return runtime::runSql(database.get(), sql); }

Result<CostStore> CostStore::open(const std::string &path) {
  std::error_code failed;
  if (std::filesystem::path folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, failed); // if this fails, opening says so
  CostStore store;
  store.path = path;
  sqlite3 *database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  store.database.reset(database);
  if (opened != SQLITE_OK)
    return store.failure("opened");
  if (Result<void> ready = store.prepare(); !ready)
    return ready.takeError();
  return store;
}

Result<void> CostStore::prepare() {
  sqlite3_busy_timeout(database.get(), busyMilliseconds);
  // In one transaction: another process may be setting the file up.
  run("BEGIN");
  std::optional<int> application = ask(database.get(), "PRAGMA application_id");
  std::optional<int> layout = ask(database.get(), "PRAGMA user_version");
  std::optional<int> entries = ask(database.get(), "SELECT count(*) FROM sqlite_schema");
  if (!application || !layout || !entries)
    return failure("read");
  run("COMMIT");
  if (*application == 0 && *layout == 0 && *entries == 0) { // new, or another process is just making it
    // Readers and one writer at once. If another process is busy with the file the mode stays as it is, which is
    // slower and as safe.
    run("PRAGMA journal_mode=WAL");
    const std::string setUp = fmt::format("BEGIN IMMEDIATE; {}; PRAGMA application_id={}; PRAGMA user_version={}; "
                                          "COMMIT",
                                          createTable, applicationId, layoutVersion);
    if (!run(setUp.c_str()))
      return failure("set up");
  } else if (*application != applicationId || *layout != layoutVersion) {
    return userError(fmt::format("{} is {}; name another cache with --cost-cache", path,
                                 *application == applicationId ? "a cache of another version of Weft"
                                                               : "a database of another program"));
  }
  // What a power cut takes is measured again.
  run("PRAGMA synchronous=NORMAL");
  findStatement = runtime::compileSql(
      database.get(), "SELECT cycles, instructions FROM costs WHERE object=? AND kernel=? AND call=? AND core=?");
  putStatement = runtime::compileSql(database.get(), "INSERT OR IGNORE INTO costs VALUES(?, ?, ?, ?, ?, ?)");
  if (!findStatement || !putStatement)
    return failure("read");
  return success();
}

Result<std::optional<KernelCost>> CostStore::find(const CostKey &key) {
  sqlite3_stmt *statement = findStatement.get();
  bindKey(statement, key);
  const int status = sqlite3_step(statement);
  std::optional<KernelCost> cost;
  if (status == SQLITE_ROW)
    cost = KernelCost{uint64_t(sqlite3_column_int64(statement, 0)), uint64_t(sqlite3_column_int64(statement, 1))};
  std::optional<Error> error;
  if (status != SQLITE_ROW && status != SQLITE_DONE)
    error = failure("read"); // before the reset, which may change the message
  sqlite3_reset(statement);
  if (error)
    return *error;
  return cost;
}

Result<void> CostStore::put(const CostKey &key, const KernelCost &cost) {
  constexpr uint64_t most = std::numeric_limits<int64_t>::max();
  if (cost.cycles > most || cost.instructions > most)
    return success(); // SQLite has no room for it
  sqlite3_stmt *statement = putStatement.get();
  bindKey(statement, key);
  sqlite3_bind_int64(statement, 5, int64_t(cost.cycles));
  sqlite3_bind_int64(statement, 6, int64_t(cost.instructions));
  const int status = sqlite3_step(statement);
  std::optional<Error> error;
  if (status != SQLITE_DONE)
    error = failure("written");
  sqlite3_reset(statement);
  if (error)
    return *error;
  return success();
}

std::string defaultCostStorePath() {
  const char *cache = std::getenv("XDG_CACHE_HOME");
  // The base directory specification: a relative path is to be ignored.
  if (cache && cache[0] == '/')
    return std::string(cache) + "/weft/kernel-costs.db";
  const char *home = std::getenv("HOME");
  return home && home[0] ? std::string(home) + "/.cache/weft/kernel-costs.db" : std::string();
}

} // namespace weft::sim
