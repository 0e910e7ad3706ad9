// Which links the words of a channel cross.
#pragma once

#include "runtime/LoadMap.h"
#include "runtime/package/PackageFile.h"

#include <optional>
#include <vector>

namespace weft::sim::loads {

/// Of a program that has been decoded: its flows lie on the mesh.
class Traffic {
public:
  Traffic(const pkg::ProgramT &program, uint32_t width, uint32_t height);

  /// Adds what crosses the links if core i sends words[i] in all.
  void send(uint32_t channel, const std::vector<uint64_t> &words, runtime::LinkWords &links) const;
  /// The same of what the host sends into every line; gives the words that cross links of the host to a router.
  uint64_t sendFromHost(uint32_t channel, uint64_t words, runtime::LinkWords &links) const;

  /// A core's place among those that take turns.
  struct Turn {
    uint32_t position = 0, cores = 0;
    uint32_t each = 0; // messages
  };
  std::optional<Turn> turnOf(uint32_t channel, uint32_t x, uint32_t y) const;

private:
  struct Lines {
    bool alongX = true;
    std::vector<pkg::Flow> everywhere;
    std::vector<std::vector<pkg::Flow>> own; // by line; empty: none has
  };
  uint32_t linesOf(const Lines &lines) const { return lines.alongX ? height : width; }
  template <typename F> void forEachFlow(const Lines &lines, uint32_t line, const F &f) const;

  const pkg::ProgramT &program;
  const uint32_t width, height;
  std::vector<Lines> channels;
};

} // namespace weft::sim::loads
