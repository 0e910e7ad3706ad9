// Compares the simulator with qemu on as many random streams as one has time for.
#include "tests/iss/Campaign.h"
#include "tests/iss/Generator.h"
#include "tests/iss/Legality.h"
#include "tests/iss/Table.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fmt/format.h>

using namespace weft::isstest;

namespace {
void printTally(const Tally &tally) {
  for (size_t i = 0; i < tally.byClass.size(); ++i)
    fmt::print("  {:28} {:>10}\n", weft::hw::rvv::nameOf(static_cast<weft::hw::rvv::OpClass>(i)), tally.byClass[i]);
  fmt::print("  {:28} {:>10}\n", "compressed", tally.compressed);
  fmt::print("  {:28} {:>10}\n", "all", tally.total);
  std::string never;
  for (const Row &row : rows())
    if (tally.byOpcode[static_cast<size_t>(row.opcode)] == 0)
      never += fmt::format(" {}", row.name);
  fmt::print("never generated:{}\n", never.empty() ? " none" : never);
}
/// Does one of the texts occur in the name of the instruction, or in that of its class?
bool names(const std::vector<std::string> &texts, const Row &row) {
  return std::ranges::any_of(texts, [&](const std::string &text) {
    return row.name.find(text) != std::string_view::npos ||
           weft::hw::rvv::nameOf(row.cls).find(text) != std::string_view::npos;
  });
}

/// Which of many random words are instructions: here and in qemu. Returns the exit status.
int compareLegality(const std::string &qemu, uint64_t seed, uint64_t words) {
  constexpr uint64_t batch = 50'000;
  uint64_t differ = 0;
  for (uint64_t done = 0; done < words; done += batch, ++seed) {
    const std::vector<Probe> probes = randomProbes(seed, std::min(batch, words - done));
    std::string failure;
    const std::vector<bool> theirs = legalInQemu(qemu, probes, 128, failure), ours = legalInSimulator(probes, 128);
    if (!failure.empty()) {
      fmt::print(stderr, "iss_qemu_fuzz: seed {}: {}\n", seed, failure);
      return 2;
    }
    for (size_t i = 0; i < probes.size(); ++i)
      if (expectedInQemu(probes[i], ours[i]) != theirs[i]) {
        ++differ;
        fmt::print("seed {}: {}: {} in qemu\n", seed, describe(probes[i]), theirs[i] ? "legal" : "illegal");
      }
  }
  fmt::print("{} words, {} differ\n", words, differ);
  return differ == 0 ? 0 : 1;
}
} // namespace

int main(int argc, char **argv) {
  CLI::App app("Compares the instruction-set simulator with qemu-riscv64 on random instruction streams.");
  Campaign campaign;
  double minutes = 0;
  bool quiet = false;
  uint64_t words = 0;
  std::vector<std::string> only, without;
  campaign.streams = 10'000;
  app.add_option("--seed", campaign.firstSeed, "seed of the first stream");
  app.add_option("--streams", campaign.streams, "how many streams; with --minutes at most so many");
  app.add_option("--minutes", minutes, "how long; whatever number of streams that gives");
  app.add_option("--length", campaign.length, "units a stream");
  app.add_option("--reports", campaign.largestReport, "how many differences to shrink and print");
  app.add_option("--only", only, "only instructions whose name or class contains this text");
  app.add_option("--without", without, "not those");
  app.add_option("--legality", words, "instead of streams: this many random words, whether they are instructions");
  app.add_flag("--quiet", quiet, "no table of instructions by class");
  CLI11_PARSE(app, argc, argv);

  const std::string qemu = findQemu();
  if (qemu.empty()) {
    fmt::print(stderr, "iss_qemu_fuzz: there is no qemu-riscv64 in PATH. Install the package qemu-user.\n");
    return 2;
  }
  if (words > 0)
    return compareLegality(qemu, campaign.firstSeed, words);
  campaign.qemu = [&](const Program &program) { return runInQemu(qemu, program); };
  campaign.simulator = runInSimulator;
  campaign.selection =
      select([&](const Row &row) { return (only.empty() || names(only, row)) && !names(without, row); });
  const auto start = std::chrono::steady_clock::now();
  if (minutes > 0) {
    if (app.count("--streams") == 0)
      campaign.streams = ~uint64_t{0};
    campaign.goOn = [=](uint64_t) {
      return std::chrono::steady_clock::now() - start < std::chrono::duration<double, std::ratio<60>>(minutes);
    };
  }
  const CampaignResult result = run(campaign);
  for (const std::string &text : result.reports)
    fmt::print("{}\n", text);
  if (!quiet)
    printTally(result.tally);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{} streams, {} instructions, {} differ, {:.1f} s\n", result.streams, result.tally.total, result.differing,
             seconds);
  return result.differing == 0 ? 0 : 1;
}
