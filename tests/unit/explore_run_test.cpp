// Sweeps and what is kept of them: each point once, errors that end a sweep, fronts and their filter.
#include "explore/run/Front.h"
#include "explore/run/Run.h"
#include "explore/run/Shard.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace weft;
using namespace weft::explore;

namespace {

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("weft-explore-{}", ::getpid());
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const char *name) const { return (path / name).string(); }
};

/// cycles = hop * ramp, joules the other way round; the analytic figures are off by up to 5 %.
class Model : public Evaluator {
public:
  mutable std::atomic<uint64_t> calls = 0, fineCalls = 0;
  uint64_t failingOrdinal = ~uint64_t(0);

  bool offers(Fidelity fidelity) const override { return fidelity != Fidelity::Compiled; }
  std::string version(Fidelity) const override { return "1"; }
  double errorBound(Fidelity fidelity) const override { return fidelity == Fidelity::Analytic ? 0.05 : 0; }
  std::vector<std::string> metricNames() const override { return {"cycles", "joules"}; }
  std::vector<std::string> choiceNames() const override { return {}; }
  Result<void> check(const Workload &) const override { return success(); }
  std::map<std::string, double> figures(const hw::Hardware &) const override { return {}; }
  Result<Outcome> evaluate(const Point &point, Fidelity fidelity) const override {
    ++(fidelity == Fidelity::Analytic ? calls : fineCalls);
    if (point.ordinal == failingOrdinal)
      return internalError("broken");
    if ((fidelity == Fidelity::Analytic) != point.hardware.yaml.empty())
      return internalError("a machine's text is there for all fidelities but the analytic one");
    const double hop = point.hardware.latency.hop, ramp = point.hardware.latency.ramp;
    if (hop == 7)
      return Outcome::refused("seven", "no seven");
    const double off = fidelity == Fidelity::Analytic ? 1 + 0.05 * std::sin(hop * 31 + ramp * 17) : 1;
    Outcome out;
    out.metrics = {{"cycles", (hop * 3 + ramp) * off}, {"joules", (100.0 / hop + std::abs(ramp - 6)) * off}};
    return out;
  }
};

Space spaceOf(const Model &model, const std::string &more) {
  auto space = parseSpace("name: run\nbase: wse3\nworkloads: [{name: w, kernel: gemv, shape: [1, 1]}]\nobjectives: "
                          "{cycles: min, joules: min}\n" +
                              more,
                          "run.yaml", vocabularyOf(model));
  REQUIRE(space);
  return *std::move(space);
}

Store newStore(const std::string &path) {
  std::filesystem::remove(path);
  auto store = Store::create(path, {"run", "text", "digest", "0", "1", "versions"});
  REQUIRE(store);
  return *std::move(store);
}

std::vector<Row> rowsOf(Store &store) {
  std::vector<Row> rows;
  REQUIRE(store.forEach([&](const Row &row) {
    rows.push_back(row);
    return success();
  }));
  return rows;
}

const std::string grid =
    "axes: {latency.hop: {range: [1, 12]}, latency.ramp: {range: [1, 10]}}\nmethod: {kind: grid}\n";

} // namespace

TEST_CASE("each point is computed once, whoever asks for it how often") {
  const Folder folder;
  const Model model;
  const Space space = spaceOf(model, "axes: {latency.hop: {range: [1, 12]}, latency.ramp: {range: [1, 10]}}\nmethod: "
                                     "{kind: random, points: 2000, seed: 2}\nfidelity: {check: 0}\n");
  Store store = newStore(folder.file("once.db"));
  auto counts = sweep(space, model, store, {.jobs = 4});
  REQUIRE(counts);
  CHECK(counts->points == 2000);
  CHECK(counts->computed == 120); // 2000 draws of 120
  CHECK(model.calls == 120);
  const std::vector<Row> rows = rowsOf(store);
  REQUIRE(rows.size() == 120);
  std::map<std::string, uint64_t> first;
  const Points points(space, model);
  for (uint64_t i = 0; i < 2000; ++i)
    first.emplace(points.at(i).digest(Fidelity::Analytic, "1"), i);
  for (const Row &row : rows)
    CHECK(first.at(row.digest) == row.ordinal);
  auto again = sweep(space, model, store, {.jobs = 4});
  REQUIRE(again);
  CHECK(again->computed == 0);
  CHECK(model.calls == 120);
}

TEST_CASE("a fault of the evaluator ends the sweep and keeps what was done") {
  const Folder folder;
  Model model;
  model.failingOrdinal = 100;
  const Space space = spaceOf(model, grid);
  Store store = newStore(folder.file("fault.db"));
  auto counts = sweep(space, model, store, {.jobs = 1});
  REQUIRE_FALSE(counts);
  CHECK(counts.error().message == "point 100: broken");
  CHECK(counts.error().fault == Fault::Internal);
  CHECK(rowsOf(store).size() == 100);
}

TEST_CASE("a sweep that is told to stop ends and can be gone on with") {
  const Folder folder;
  const Model model;
  const Space space = spaceOf(model, grid);
  Store store = newStore(folder.file("stop.db"));
  std::atomic<bool> stop = true;
  auto counts = sweep(space, model, store, {.jobs = 2, .stop = &stop});
  REQUIRE(counts);
  CHECK(counts->stopped);
  CHECK(counts->computed == 0);
  stop = false;
  counts = sweep(space, model, store, {.jobs = 2, .stop = &stop});
  REQUIRE(counts);
  CHECK(counts->computed == 120);
}

TEST_CASE("the front at the finer fidelity misses no point of the true front") {
  const Folder folder;
  const Model model;
  const Space space = spaceOf(model, grid + "fidelity: {filter: analytic, front: engine, check: 0.2}\n");
  Store store = newStore(folder.file("front.db"));
  REQUIRE(sweep(space, model, store, {.jobs = 2}));
  const uint64_t checked = model.fineCalls;
  CHECK((checked > 10 && checked < 40)); // a fifth of 120
  REQUIRE(sweepFront(space, model, store, {.jobs = 2}));
  CHECK(model.fineCalls < 120); // else the filter is none
  std::vector<std::vector<double>> all;
  std::vector<uint64_t> ordinals;
  const Points points(space, model);
  for (uint64_t i = 0; i < points.count(); ++i) {
    Candidate candidate = points.at(i);
    hw::refresh(candidate.point.hardware);
    auto outcome = model.evaluate(candidate.point, Fidelity::Engine);
    if (outcome->status != Outcome::Status::Ok)
      continue;
    all.push_back({outcome->metrics["cycles"], outcome->metrics["joules"]});
    ordinals.push_back(i);
  }
  auto findings = findingsOf(space, store);
  REQUIRE(findings);
  std::vector<uint64_t> expected, found;
  for (size_t i : nonDominated(all))
    expected.push_back(ordinals[i]);
  for (const FrontPoint &point : findings->fronts.at("w"))
    found.push_back(point.row.ordinal);
  CHECK(found == expected);
  REQUIRE(findings->differences.size() == 2);
  for (const Difference &difference : findings->differences) {
    CHECK(difference.points >= checked - 4); // but for points that cannot work
    CHECK((difference.mean > 0.01 && difference.worst <= 0.05 + 1e-9));
  }
  CHECK(findings->refused == 10);
  REQUIRE(findings->reasons.size() == 1);
  CHECK(findings->reasons[0] == std::pair<std::string, uint64_t>{"seven", 10});
}

TEST_CASE("a row whose workload is no text is one of no workload") {
  const Folder folder;
  const Model model;
  const Space space = spaceOf(model, grid);
  unsigned files = 0;
  for (const char *inputs : {R"({"workload":5})", R"({"workload":null})", R"({"workload":[]})", "[]", "{", "{}"}) {
    CAPTURE(inputs);
    Store store = newStore(folder.file((std::to_string(++files) + ".db").c_str()));
    Row row;
    row.digest = std::string(32, 'a'), row.fidelity = nameOf(space.filter), row.status = "ok";
    row.inputs = inputs, row.results = R"({"cycles":1,"joules":1})";
    REQUIRE(store.put({&row, 1}));
    auto findings = findingsOf(space, store);
    REQUIRE(findings);
    CHECK(findings->fronts.at("").size() == 1);
  }
}

TEST_CASE("nothing on the front is dominated, and all else is") {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::vector<double>> points(40, std::vector<double>(1 + random() % 3));
    for (auto &point : points) {
      point.resize(points[0].size());
      for (double &value : point)
        value = double(random() % 6);
    }
    const std::vector<size_t> front = nonDominated(points);
    for (size_t i = 0; i < points.size(); ++i) {
      bool isBeaten = false;
      for (size_t j = 0; j < points.size(); ++j) {
        bool isNoWorse = true;
        for (size_t k = 0; k < points[i].size(); ++k)
          isNoWorse &= points[j][k] <= points[i][k];
        isBeaten |= isNoWorse && (points[j] != points[i] || j < i);
      }
      CHECK(isBeaten == (std::find(front.begin(), front.end(), i) == front.end()));
    }
  }
}

TEST_CASE("a store keeps the first results of a digest and refuses others") {
  const Folder folder;
  Store store = newStore(folder.file("rows.db"));
  const Row row{"d1", 5, "engine", "{}", "ok", "", "", "{\"cycles\":1}", 0.1};
  Row later = row, other = row, fresh = row;
  later.ordinal = 3;
  later.seconds = 9;
  other.results = "{\"cycles\":2}";
  fresh.digest = "d2";
  REQUIRE(store.put(std::vector{row, later}));
  CHECK(rowsOf(store).at(0).ordinal == 3);
  later.ordinal = 8;
  REQUIRE(store.put(std::vector{later}));
  CHECK(rowsOf(store).at(0).ordinal == 3);
  auto refused = store.put(std::vector{fresh, other});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("other results") != std::string::npos);
  CHECK(rowsOf(store).size() == 1); // the whole batch is undone
  CHECK_FALSE(Store::create(folder.file("rows.db"), {}));
}

TEST_CASE("shards come from options, job arrays and mpirun") {
  auto with = [](std::map<std::string, std::string> values) {
    return shardOf([values](const char *name) {
      auto found = values.find(name);
      return found == values.end() ? nullptr : found->second.c_str();
    });
  };
  auto isShard = [](const Result<Shard> &shard, uint64_t index, uint64_t count) {
    return shard && shard->index == index && shard->count == count;
  };
  CHECK(isShard(with({}), 0, 1));
  CHECK(isShard(with({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}}), 3, 4));
  CHECK(isShard(with({{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}}), 0, 1));
  CHECK(isShard(with({{"SLURM_ARRAY_TASK_COUNT", "3"},
                      {"SLURM_ARRAY_TASK_ID", "14"},
                      {"SLURM_ARRAY_TASK_MIN", "10"},
                      {"SLURM_ARRAY_TASK_STEP", "2"}}),
                2, 3));
  CHECK_FALSE(with({{"SLURM_ARRAY_TASK_COUNT", "3"},
                    {"SLURM_ARRAY_TASK_ID", "13"},
                    {"SLURM_ARRAY_TASK_MIN", "10"},
                    {"SLURM_ARRAY_TASK_STEP", "2"}}));
  CHECK_FALSE(with({{"SLURM_ARRAY_TASK_COUNT", "2"}, {"SLURM_ARRAY_TASK_ID", "7"}, {"SLURM_ARRAY_TASK_MIN", "1"}}));
  CHECK_FALSE(with({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "4"}}));
  CHECK(isShard(parseShard("3/64"), 2, 64));
  for (const char *text : {"0/1", "2/1", "", "/", "1/", "/1", "-1/2", "1/2/3", "1 /2"})
    CHECK_FALSE(parseShard(text));
  CHECK(Shard{Shard::Origin::Option, 2, 64}.pathOf("a/b.db") == "a/b.shard-3-of-64.db");
}

namespace {

Space evolving(const Model &model, int points, int seed) {
  return spaceOf(model, fmt::format("axes: {{latency.hop: {{range: [1, 12]}}, latency.ramp: {{range: [1, 60]}}, "
                                    "parallelism.clock_ghz: {{log: [0.5, 2]}}}}\n"
                                    "method: {{kind: nsga2, points: {}, population: 20, seed: {}}}\n",
                                    points, seed));
}

std::string textOf(const std::vector<Row> &rows) {
  std::string text;
  for (const Row &row : rows)
    text += fmt::format("{} {} {} {}\n", row.ordinal, row.digest, row.inputs, row.results);
  return text;
}

} // namespace

TEST_CASE("an evolution finds the front with a share of the points") {
  const Folder folder;
  const Model model;
  const Space space = spaceOf(model, "axes: {latency.hop: {range: [1, 40]}, latency.ramp: {range: [1, 60]}}\n"
                                     "method: {kind: nsga2, points: 800, population: 40}\n");
  Store store = newStore(folder.file("evolve.db"));
  auto counts = sweep(space, model, store, {.jobs = 3});
  REQUIRE(counts);
  CHECK(counts->points == 800);
  const std::vector<Row> rows = rowsOf(store);
  CHECK(rows.size() == counts->computed);
  // Of 40 x 60 pairs the best for each hop have ramps from 1 to 6; hop 7 is refused.
  std::vector<std::vector<double>> all, found;
  for (int hop = 1; hop <= 40; ++hop)
    for (int ramp = 1; hop != 7 && ramp <= 60; ++ramp) {
      const double off = 1 + 0.05 * std::sin(hop * 31 + ramp * 17);
      all.push_back({(hop * 3 + ramp) * off, (100.0 / hop + std::abs(ramp - 6)) * off});
    }
  for (const Row &row : rows)
    if (row.status == "ok")
      found.push_back(*costsOf(space, *metricsOf(row)));
  size_t missed = 0;
  const std::vector<size_t> front = nonDominated(all);
  for (size_t i : front) // as good as found: within a fiftieth in both
    missed += std::none_of(found.begin(), found.end(), [&](const auto &each) {
      return each[0] <= all[i][0] * 1.02 && each[1] <= all[i][1] * 1.02;
    });
  CHECK(front.size() > 10);
  CHECK(missed <= front.size() / 5);
}

TEST_CASE("an evolution depends on its seed alone, and goes on where it was") {
  const Folder folder;
  const Model model;
  Store one = newStore(folder.file("one.db")), other = newStore(folder.file("other.db")),
        third = newStore(folder.file("3.db"));
  REQUIRE(sweep(evolving(model, 400, 1), model, one, {.jobs = 1}));
  REQUIRE(sweep(evolving(model, 400, 1), model, other, {.jobs = 5}));
  REQUIRE(sweep(evolving(model, 400, 2), model, third, {.jobs = 1}));
  CHECK(textOf(rowsOf(one)) == textOf(rowsOf(other)));
  CHECK(textOf(rowsOf(one)) != textOf(rowsOf(third)));
  // Some generations are there already, as a killed run leaves them.
  Store resumed = newStore(folder.file("resumed.db"));
  auto before = sweep(evolving(model, 140, 1), model, resumed, {.jobs = 2});
  auto after = sweep(evolving(model, 400, 1), model, resumed, {.jobs = 2});
  REQUIRE(before);
  REQUIRE(after);
  CHECK(before->computed + after->computed == rowsOf(one).size());
  CHECK(textOf(rowsOf(resumed)) == textOf(rowsOf(one)));
  auto front = sweepFront(evolving(model, 400, 1), model, resumed, {.jobs = 2});
  REQUIRE(front);
  CHECK(front->computed == 0);
}

TEST_CASE("the front of an evolution is run at the finer fidelity") {
  const Folder folder;
  const Model model;
  Space space = evolving(model, 200, 1);
  space.front = Fidelity::Engine;
  space.check = 0.1;
  Store store = newStore(folder.file("fine.db"));
  REQUIRE(sweep(space, model, store, {.jobs = 2}));
  REQUIRE(sweepFront(space, model, store, {.jobs = 2}));
  auto findings = findingsOf(space, store);
  REQUIRE(findings);
  CHECK(findings->rows["engine"] > 0);
  CHECK(findings->differences.size() == 2);
  CHECK(findings->differences[0].worst <= 0.0502);
}

TEST_CASE("an evolution is whole, and its failures are the sweep's") {
  const Folder folder;
  Model model;
  Store store = newStore(folder.file("whole.db"));
  CHECK_FALSE(sweep(evolving(model, 200, 1), model, store, {.jobs = 1, .shard = 0, .shards = 2}));
  std::atomic<bool> stop = true;
  auto stopped = sweep(evolving(model, 200, 1), model, store, {.jobs = 1, .stop = &stop});
  REQUIRE(stopped);
  CHECK(stopped->stopped);
  model.failingOrdinal = 30;
  auto failed = sweep(evolving(model, 200, 1), model, store, {.jobs = 1});
  REQUIRE_FALSE(failed);
  CHECK_THAT(failed.error().message, Catch::Matchers::Contains("broken"));
  for (const char *method : {"{kind: nsga2, points: 30, population: 20}", "{kind: nsga2, points: 20, population: 10}",
                             "{kind: nsga2}", "{kind: grid, population: 8}"})
    CHECK_FALSE(parseSpace(fmt::format("name: run\nbase: wse3\nworkloads: [{{name: w, kernel: gemv, shape: [1, 1]}}]\n"
                                       "objectives: {{cycles: min, joules: min}}\naxes: {{latency.hop: [1, 2]}}\n"
                                       "method: {}\n",
                                       method),
                           "run.yaml", vocabularyOf(model)));
}
