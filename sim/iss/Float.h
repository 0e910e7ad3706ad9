// Floating-point state shared by scalar and vector instructions. Where the host's floating-point unit computes what
// RISC-V asks for, it does the arithmetic: while a FloatEnvironment lives it rounds as frm says and gathers flags of
// its own, which are read when somebody asks. Where it cannot, FloatSoft.h computes.
#pragma once

#include "sim/iss/Hart.h"

namespace weft::iss {

/// Bits of fflags.
enum FloatFlag : uint8_t { Inexact = 1, Underflow = 2, Overflow = 4, DivideByZero = 8, Invalid = 16 };

/// fflags as a program sees them.
uint8_t readFlags(const Hart &hart);
void writeFlags(Hart &hart, uint8_t flags);
/// Sets frm, which may be a reserved value: floating-point instructions are illegal then.
void setRounding(Hart &hart, uint8_t frm);

/// Lends the host's floating-point unit to the hart. Machine::run holds one; code that executes instructions without
/// one gets the same results, slower. Belongs to the thread that made it. hart.frm and hart.fflags may be written
/// directly while there is none, and hold the state when it has ended.
class FloatEnvironment {
public:
  explicit FloatEnvironment(Hart &hart) : hart(hart) { enter(); }
  ~FloatEnvironment() { leave(); }
  FloatEnvironment(const FloatEnvironment &) = delete;
  FloatEnvironment &operator=(const FloatEnvironment &) = delete;

  /// Gives the unit back while code that is not the guest's runs: it must not round as the guest does, nor leave its
  /// flags to it.
  class Pause {
  public:
    explicit Pause(FloatEnvironment &environment) : environment(environment) { environment.leave(); }
    ~Pause() { environment.enter(); }
    Pause(const Pause &) = delete;
    Pause &operator=(const Pause &) = delete;

  private:
    FloatEnvironment &environment;
  };

private:
  void enter();
  void leave();

  Hart &hart;
  uint32_t hostControl = 0; // the host's own control register
};

} // namespace weft::iss
