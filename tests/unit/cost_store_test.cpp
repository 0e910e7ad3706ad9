// The cache of kernel costs on disk: what it keeps, what several processes do to it, and files that are no cache.
#include "sim/costs/CostStore.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace weft;
using namespace weft::sim;
using Catch::Matchers::Contains;

namespace {

/// A folder that is gone with the test.
struct Folder {
  std::filesystem::path path = [] {
    std::string name = (std::filesystem::temp_directory_path() / "weft-costs-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    return name;
  }();
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(const char *name) const { return (path / name).string(); }
};

CostStore opened(const std::string &path) {
  Result<CostStore> store = CostStore::open(path);
  if (!store)
    FAIL(store.error().message);
  return std::move(*store);
}

KernelCost found(CostStore &store, const CostKey &key) {
  Result<std::optional<KernelCost>> cost = store.find(key);
  REQUIRE(cost);
  REQUIRE(cost->has_value());
  return **cost;
}

const CostKey key{"aa", "gemm_r8", "m=8", "01"};

} // namespace

TEST_CASE("a cost outlives the store that kept it") {
  Folder folder;
  const std::string path = folder.file("a/b/costs.db"); // folders are made
  {
    CostStore store = opened(path);
    REQUIRE(store.find(key));
    CHECK(!store.find(key)->has_value());
    REQUIRE(store.put(key, {123, 45}));
    CHECK(found(store, key) == KernelCost{123, 45});
  }
  CostStore store = opened(path);
  CHECK(found(store, key) == KernelCost{123, 45});
  // What is there stays: two processes that measure the same thing measure the same cost.
  REQUIRE(store.put(key, {1, 1}));
  CHECK(found(store, key) == KernelCost{123, 45});
  SECTION("every part of the key counts") {
    for (std::string CostKey::*part : {&CostKey::object, &CostKey::kernel, &CostKey::call, &CostKey::core}) {
      CostKey other = key;
      other.*part += "x";
      REQUIRE(store.find(other));
      CHECK(!store.find(other)->has_value());
    }
  }
}

TEST_CASE("processes that open, write and read one new cache at once lose nothing") {
  Folder folder;
  const std::string path = folder.file("costs.db");
  constexpr int processes = 4, costs = 200;
  std::vector<pid_t> children;
  for (int p = 0; p < processes; ++p) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      // No Catch in the child: it would report twice.
      Result<CostStore> store = CostStore::open(path);
      bool fine = bool(store);
      for (int i = 0; fine && i < costs; ++i) {
        // Half of the keys are its own, the other half everybody's.
        const CostKey each{"object", i % 2 ? fmt::format("own{}", p) : "shared", fmt::format("m={}", i), "core"};
        fine = bool(store->put(each, {uint64_t(i), 7}));
        Result<std::optional<KernelCost>> back = store->find(each);
        fine = fine && back && *back == KernelCost{uint64_t(i), 7};
      }
      if (!store)
        std::fputs((store.error().message + '\n').c_str(), stderr);
      ::_exit(fine ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  CostStore store = opened(path);
  for (int p = 0; p < processes; ++p)
    for (int i = 0; i < costs; ++i)
      CHECK(found(store, {"object", i % 2 ? fmt::format("own{}", p) : "shared", fmt::format("m={}", i), "core"}) ==
            KernelCost{uint64_t(i), 7});
}

TEST_CASE("a file that is no cache is an error that names it") {
  Folder folder;
  const std::string path = folder.file("costs.db");
  std::string expected;
  SECTION("not a database") {
    std::ofstream(path) << std::string(5000, 'x');
    expected = "file is not a database";
  }
  SECTION("a truncated database") {
    {
      CostStore store = opened(path);
      for (int i = 0; i < 500; ++i)
        REQUIRE(store.put({"o", "k", std::to_string(i), "c"}, {1, 1}));
    }
    std::filesystem::resize_file(path, 4096 + 512);
    Result<CostStore> store = CostStore::open(path);
    // Whether opening or the first use meets the damage is SQLite's matter.
    Result<std::optional<KernelCost>> cost = store ? store->find({"o", "k", "499", "c"}) : store.takeError();
    REQUIRE(!cost);
    CHECK_THAT(cost.error().message, Contains(path));
    return;
  }
  SECTION("another program's database") {
    sqlite3 *database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, "CREATE TABLE t(x)", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
    expected = "a database of another program";
  }
  SECTION("a cache of a later layout") {
    {
      CostStore store = opened(path);
    }
    sqlite3 *database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, "PRAGMA user_version=99", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
    expected = "a cache of another version of Weft";
  }
  SECTION("a folder") {
    std::filesystem::create_directory(path);
    expected = "unable to open";
  }
  Result<CostStore> store = CostStore::open(path);
  REQUIRE(!store);
  CHECK_THAT(store.error().message, Contains(path) && Contains(expected) && Contains("--cost-cache"));
}

TEST_CASE("the default place follows the environment") {
  ::setenv("XDG_CACHE_HOME", "/somewhere", 1);
  ::setenv("HOME", "/home/someone", 1);
  CHECK(defaultCostStorePath() == "/somewhere/weft/kernel-costs.db");
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  CHECK(defaultCostStorePath() == "/home/someone/.cache/weft/kernel-costs.db");
  ::unsetenv("XDG_CACHE_HOME");
  CHECK(defaultCostStorePath() == "/home/someone/.cache/weft/kernel-costs.db");
  ::unsetenv("HOME");
  CHECK(defaultCostStorePath().empty());
}
