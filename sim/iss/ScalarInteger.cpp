// RV64I without system instructions, and M.
#include "sim/iss/Executors.h"
#include "sim/iss/Hart.h"
#include "sim/iss/ScalarOperations.h"

#include <cstring>

using namespace weft::iss;

namespace {

template <auto compute> bool registerForm(Hart &hart, const Op &op) {
  hart.x[op.rd] = compute(hart.x[op.rs1], hart.x[op.rs2]);
  return true;
}

template <auto compute> bool immediateForm(Hart &hart, const Op &op) {
  hart.x[op.rd] = compute(hart.x[op.rs1], static_cast<uint64_t>(op.immediate));
  return true;
}

template <auto taken> bool branch(Hart &hart, const Op &op) {
  if (taken(hart.x[op.rs1], hart.x[op.rs2]))
    hart.next = hart.pc + static_cast<uint64_t>(op.immediate);
  return true;
}

template <typename T> bool load(Hart &hart, const Op &op) {
  uint64_t address = hart.x[op.rs1] + static_cast<uint64_t>(op.immediate);
  const std::byte *from = hart.memory->find(address, sizeof(T), Memory::Read);
  if (!from)
    return hart.fail(Cause::LoadFault, address);
  T value;
  std::memcpy(&value, from, sizeof value);
  hart.x[op.rd] = static_cast<uint64_t>(static_cast<int64_t>(value));
  return true;
}

template <typename T> bool store(Hart &hart, const Op &op) {
  uint64_t address = hart.x[op.rs1] + static_cast<uint64_t>(op.immediate);
  std::byte *to = hart.memory->find(address, sizeof(T), Memory::Write);
  if (!to)
    return hart.fail(Cause::StoreFault, address);
  T value = static_cast<T>(hart.x[op.rs2]);
  std::memcpy(to, &value, sizeof value);
  return true;
}

bool loadUpper(Hart &hart, const Op &op) {
  hart.x[op.rd] = static_cast<uint64_t>(op.immediate);
  return true;
}

bool addUpperToPc(Hart &hart, const Op &op) {
  hart.x[op.rd] = hart.pc + static_cast<uint64_t>(op.immediate);
  return true;
}

bool jump(Hart &hart, const Op &op) {
  hart.x[op.rd] = hart.pc + op.bytes;
  hart.next = hart.pc + static_cast<uint64_t>(op.immediate);
  return true;
}

bool jumpRegister(Hart &hart, const Op &op) {
  uint64_t target = (hart.x[op.rs1] + static_cast<uint64_t>(op.immediate)) & ~uint64_t{1};
  hart.x[op.rd] = hart.pc + op.bytes;
  hart.next = target;
  return true;
}

} // namespace

Execute weft::iss::integerExecutor(Opcode opcode) {
  switch (opcode) {
#define WEFT_CASE(id, operation)                                                                                       \
  case Opcode::id:                                                                                                     \
    return registerForm<scalar::operation>;
    WEFT_SCALAR_REGISTER(WEFT_CASE)
#undef WEFT_CASE
#define WEFT_CASE(id, operation)                                                                                       \
  case Opcode::id:                                                                                                     \
    return immediateForm<scalar::operation>;
    WEFT_SCALAR_IMMEDIATE(WEFT_CASE)
#undef WEFT_CASE
#define WEFT_CASE(id, condition)                                                                                       \
  case Opcode::id:                                                                                                     \
    return branch<scalar::condition>;
    WEFT_SCALAR_BRANCH(WEFT_CASE)
#undef WEFT_CASE
#define WEFT_CASE(id, type)                                                                                            \
  case Opcode::id:                                                                                                     \
    return load<type>;
    WEFT_SCALAR_LOAD(WEFT_CASE)
#undef WEFT_CASE
#define WEFT_CASE(id, type)                                                                                            \
  case Opcode::id:                                                                                                     \
    return store<type>;
    WEFT_SCALAR_STORE(WEFT_CASE)
#undef WEFT_CASE
  case Opcode::LUI:
    return loadUpper;
  case Opcode::AUIPC:
    return addUpperToPc;
  case Opcode::JAL:
    return jump;
  case Opcode::JALR:
    return jumpRegister;
  default:
    return nullptr;
  }
}
