#include "sim/iss/HostCalls.h"

#include <cstring>

using namespace weft::iss;

namespace {

constexpr uint64_t writeCall = 64, exitCall = 93, exitGroupCall = 94;
constexpr uint64_t badDescriptor = -uint64_t{9}, badAddress = -uint64_t{14}; // EBADF, EFAULT
constexpr unsigned a0 = 10, a7 = 17;

template <typename T> bool readValue(const Memory &memory, uint64_t address, T &value) {
  const std::byte *from = memory.find(address, sizeof value, Memory::Read);
  if (from)
    std::memcpy(&value, from, sizeof value);
  return from != nullptr;
}

template <typename T> bool writeValue(const Memory &memory, uint64_t address, const T &value) {
  std::byte *to = memory.find(address, sizeof value, Memory::Write);
  if (to)
    std::memcpy(to, &value, sizeof value);
  return to != nullptr;
}

} // namespace

HostCalls::Answer HostCalls::call(Hart &hart, uint64_t number, const uint64_t (&arguments)[3], uint64_t &result,
                                  const Output &output) {
  switch (number) {
  case exitCall:
  case exitGroupCall:
    exitCode = arguments[0];
    return Answer::Exit;
  case writeCall: {
    auto [descriptor, address, size] = arguments;
    const std::byte *bytes = hart.memory->find(address, size, Memory::Read);
    bool known = descriptor == 1 || descriptor == 2;
    result = !known ? badDescriptor : !bytes ? badAddress : size;
    if (known && bytes && output)
      output(static_cast<int>(descriptor), {reinterpret_cast<const char *>(bytes), size});
    return Answer::GoOn;
  }
  default:
    hart.trap.value = number;
    return Answer::Fault;
  }
}

HostCalls::Answer HostCalls::serveCall(Hart &hart, const Output &output) {
  uint64_t result = 0;
  const uint64_t arguments[3] = {hart.x[a0], hart.x[a0 + 1], hart.x[a0 + 2]};
  Answer answer = call(hart, hart.x[a7], arguments, result, output);
  if (answer == Answer::GoOn)
    hart.x[a0] = result;
  return answer;
}

HostCalls::Answer HostCalls::serveToHost(Hart &hart, const Output &output) {
  uint64_t request = 0;
  if (!tohost || !readValue(*hart.memory, tohost, request) || request == 0)
    return Answer::GoOn;
  if (request & 1) {
    exitCode = request >> 1;
    return Answer::Exit;
  }
  uint64_t block[4] = {}; // number, arguments
  if (!readValue(*hart.memory, request, block)) {
    hart.fail(Cause::HostRequest, request);
    return Answer::Fault;
  }
  uint64_t result = 0;
  hart.trap = {Cause::MachineCall, 0};
  Answer answer = call(hart, block[0], {block[1], block[2], block[3]}, result, output);
  if (answer != Answer::GoOn)
    return answer;
  if (!writeValue(*hart.memory, request, result)) {
    hart.fail(Cause::HostRequest, request);
    return Answer::Fault;
  }
  // These writes are the host's own: whether they touch what is watched does not matter, decoded code excepted.
  writeValue(*hart.memory, tohost, uint64_t{0});
  if (fromhost)
    writeValue(*hart.memory, fromhost, uint64_t{1});
  return Answer::GoOn;
}
