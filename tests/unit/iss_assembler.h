// RISC-V machine code and its text by LLVM, which the simulator's own decoder is compared with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weft::test {

class RiscvTools {
public:
  /// `extraFeatures` of LLVM beside what every core may have: "+xsfvcp".
  explicit RiscvTools(const std::string &extraFeatures = "");
  ~RiscvTools();

  /// The bytes of .text; labels must be local to it. Fails the running test on an error, with LLVM's message.
  std::vector<std::byte> assemble(const std::string &text) const;
  /// LLVM's text of the instruction without aliases, blanks normalised, and its length; empty if it decodes none.
  struct Text {
    std::string text;
    unsigned bytes = 0;
  };
  Text disassemble(uint32_t word, uint64_t pc) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace weft::test
