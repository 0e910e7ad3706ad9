// `weft run`: a package, or a model compiled in memory, on a device.
#pragma once

#include "tools/Tool.h"

#include <iosfwd>

namespace weft::tools {

struct RunOptions {
  std::string input{};              // a .weft file, or a model
  CompileArguments compile{};       // for a model only
  std::string prompt{}, tokens{};   // one of them
  bool hasPrompt = false;           // an empty prompt is one, too
  std::optional<uint32_t> maxNew{}; // absent: 64, or as many as fit
  std::string sample = "greedy";
  std::string engine = "native";         // or iss
  std::vector<std::string> cosimUnits{}; // with iss: those whose RTL runs beside
  std::string costCache{};               // a file, "none", or empty for the default place
  bool timingOnly = false;
  std::string evaluator = "auto";                                  // with timingOnly: or event, maxplus
  bool explain = false;                                            // say why it takes that long
  std::vector<std::string> inputs{};                               // of a tensor program: NAME=FILE.npy, FILE.npz
  std::string jsonPath{}, tracePath{}, logitsPath{}, outputPath{}; // empty: not written
  std::optional<std::string> modelDirectory{};
};

/// Text, then the report, on `out`; progress on stderr if that is a terminal.
Result<void> runModel(const RunOptions &options, const Tool &tool, std::ostream &out);

/// Adds `run` to `app`. While `app` parses its arguments, the subcommand runs and sets `exitCode`. `tool` must outlive
/// the parse.
void addRunCommand(CLI::App &app, const Tool &tool, int &exitCode);

} // namespace weft::tools
