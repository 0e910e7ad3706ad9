// SystemC and TLM-2.0. Debian's library is compiled as C++17; the build defines SC_CPLUSPLUS to say so.
#pragma once

#include <systemc>
#include <tlm.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "sim/cosim/mesh/RouterModel.h"

#include <ostream>

namespace weft::cosim {

// What sc_signal asks of a type.
inline std::ostream &operator<<(std::ostream &out, const LinkWord &word) {
  return out << word.valid << '/' << static_cast<unsigned>(word.color) << '/' << word.data;
}
inline void sc_trace(sc_core::sc_trace_file *file, const LinkWord &word, const std::string &name) {
  sc_core::sc_trace(file, word.valid, name + ".valid");
  sc_core::sc_trace(file, word.color, name + ".color");
  sc_core::sc_trace(file, word.data, name + ".data");
}

/// A write of `bytes` bytes without delay. Errors of the address are bugs of ours.
inline void tlmWrite(tlm::tlm_fw_transport_if<> &socket, uint64_t address, uint64_t value, uint32_t bytes) {
  tlm::tlm_generic_payload access;
  auto *data = reinterpret_cast<unsigned char *>(&value); // little-endian, as the hosts that we run on
  access.set_command(tlm::TLM_WRITE_COMMAND);
  access.set_address(address);
  access.set_data_ptr(data);
  access.set_data_length(bytes);
  access.set_streaming_width(bytes);
  access.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket.b_transport(access, delay);
  if (access.is_response_error())
    SC_REPORT_FATAL("weft", "a core and its router disagree about their addresses");
}

/// The value of a write.
inline uint64_t tlmValue(const tlm::tlm_generic_payload &access) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < access.get_data_length() && i < 8; ++i)
    value |= uint64_t{access.get_data_ptr()[i]} << (8 * i);
  return value;
}

} // namespace weft::cosim
