#include "runtime/TensorProgram.h"

#include "runtime/package/Elements.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace weft::runtime {
namespace {

/// What NumPy calls the elements of an array that holds those of `tensor`.
std::string numpyName(const pkg::HostTensorT &tensor) {
  const uint32_t bytes = elementBytes(tensor.element);
  if (npyElementBytes(tensor.dtype) == bytes)
    return tensor.dtype;
  return bytes == 1 ? "uint8" : bytes == 2 ? "uint16" : bytes == 4 ? "uint32" : "uint64";
}

bool holds(const NpyArray &array, const pkg::HostTensorT &tensor) {
  if (npyElementBytes(tensor.dtype) == elementBytes(tensor.element))
    return array.dtype == tensor.dtype;
  // Bits of a format that NumPy does not have.
  return npyElementBytes(array.dtype) == elementBytes(tensor.element) &&
         (array.dtype.starts_with("uint") || array.dtype.starts_with("int") || array.dtype.starts_with("void"));
}

/// Integers of one type as those of another; none: one of the two types is none of integers.
/// Error: a number that the other type does not have.
std::optional<Result<std::vector<std::byte>>> convertIntegers(const NpyArray &array, const std::string &to) {
  const auto isInteger = [](std::string_view type) { return type.starts_with("int") || type.starts_with("uint"); };
  const uint32_t from = npyElementBytes(array.dtype), size = npyElementBytes(to);
  if (!isInteger(array.dtype) || !isInteger(to) || !from || !size)
    return std::nullopt;
  const bool isSigned = array.dtype[0] == 'i', toSigned = to[0] == 'i';
  std::vector<std::byte> bytes(array.bytes.size() / from * size);
  for (size_t i = 0; i * from < array.bytes.size(); ++i) {
    uint64_t bits = 0; // little-endian
    std::memcpy(&bits, array.bytes.data() + i * from, from);
    if (const unsigned unused = 64 - 8 * from; isSigned)
      bits = static_cast<uint64_t>(static_cast<int64_t>(bits << unused) >> unused);
    const bool negative = isSigned && static_cast<int64_t>(bits) < 0;
    const uint64_t largest = UINT64_MAX >> (64 - 8 * size + (toSigned ? 1 : 0));
    if (negative ? !toSigned || ~bits > largest : bits > largest)
      return userError(fmt::format("{} at place {}, which {} does not have",
                                   negative ? fmt::format("{}", static_cast<int64_t>(bits)) : fmt::format("{}", bits),
                                   i, to));
    std::memcpy(bytes.data() + i * size, &bits, size);
  }
  return bytes;
}

/// The values that a program was made for.
std::vector<std::byte> fixedBytes(const pkg::HostTensorT &tensor) {
  const uint32_t size = elementBytes(tensor.element);
  std::vector<std::byte> bytes(tensor.fixed.size() * size);
  for (size_t i = 0; i < tensor.fixed.size(); ++i)
    std::memcpy(bytes.data() + i * size, &tensor.fixed[i], size); // little-endian
  return bytes;
}

/// An input that is left out.
LaunchInput filled(const std::string &name, const pkg::HostTensorT &tensor) {
  std::vector<std::byte> element(elementBytes(tensor.element));
  auto write = [&](auto value) { std::memcpy(element.data(), &value, std::min(element.size(), sizeof value)); };
  if (tensor.element == pkg::ElementType::F32)
    write(float(tensor.default_value));
  else if (tensor.element == pkg::ElementType::F64)
    write(double(tensor.default_value));
  else
    write(tensor.default_value); // little-endian
  uint64_t count = 1;
  for (uint64_t extent : tensor.shape)
    count *= extent;
  LaunchInput input;
  input.name = name;
  for (uint64_t i = 0; i < count; ++i)
    input.bytes.insert(input.bytes.end(), element.begin(), element.end());
  return input;
}

std::string names(const pkg::ProgramT &program) {
  std::vector<std::string> all;
  for (const auto &input : program.inputs)
    all.push_back(input->name);
  return all.empty() ? "it has none" : fmt::format("it has {}", fmt::join(all, ", "));
}

bool isGiven(const NamedArrays &given, const std::string &name) {
  return std::any_of(given.begin(), given.end(), [&](const auto &each) { return each.first == name; });
}

/// All inputs that must be given and are not, in one message.
Result<void> checkMissing(const pkg::ProgramT &program, const NamedArrays &given) {
  std::vector<std::string> missing, options;
  for (const auto &input : program.inputs)
    if (input->tensor && !input->tensor->has_default && input->tensor->fixed.empty() && !isGiven(given, input->name)) {
      missing.push_back(fmt::format("'{}'", input->name));
      options.push_back(fmt::format("--input {}=FILE.npy, {}", input->name, describe(*input->tensor)));
    }
  if (missing.empty())
    return success();
  if (missing.size() == 1)
    return userError(fmt::format("input {} is missing; give it with {}", missing[0], options[0]));
  return userError(
      fmt::format("inputs {} are missing; give them in an archive with --input FILE.npz, or one by one: {}",
                  fmt::join(missing, ", "), fmt::join(options, "; ")));
}

} // namespace

std::string describe(const pkg::HostTensorT &tensor) {
  return fmt::format("{} [{}]", tensor.dtype, fmt::join(tensor.shape, ", "));
}

Result<std::vector<LaunchInput>> tensorInputs(const pkg::ProgramT &program, const NamedArrays &given) {
  for (auto entry = given.begin(); entry != given.end(); ++entry) {
    auto sameName = [&](const auto &other) { return other.first == entry->first; };
    if (std::find_if(given.begin(), entry, sameName) != entry)
      return userError(fmt::format("input '{}' is given twice", entry->first));
    if (std::none_of(program.inputs.begin(), program.inputs.end(),
                     [&](const auto &input) { return input->name == entry->first; }))
      return userError(fmt::format("the program has no input '{}': {}", entry->first, names(program)));
  }
  if (Result<void> all = checkMissing(program, given); !all)
    return all.takeError();
  std::vector<LaunchInput> inputs;
  for (const auto &input : program.inputs) {
    if (!input->tensor)
      return internalError(fmt::format("input '{}' has no shape", input->name));
    const pkg::HostTensorT &tensor = *input->tensor;
    auto array = std::find_if(given.begin(), given.end(), [&](const auto &each) { return each.first == input->name; });
    if (array == given.end() && tensor.has_default) {
      inputs.push_back(filled(input->name, tensor));
      continue;
    }
    if (array == given.end()) { // else it was missing
      LaunchInput launch;
      launch.name = input->name;
      launch.bytes = fixedBytes(tensor);
      inputs.push_back(std::move(launch));
      continue;
    }
    NpyArray found = array->second;
    if (!holds(found, tensor))
      if (auto converted = convertIntegers(found, tensor.dtype)) {
        if (!*converted)
          return userError(fmt::format("input '{}' has {}", input->name, converted->error().message));
        found.bytes = std::move(**converted);
        found.dtype = tensor.dtype;
      }
    if (!holds(found, tensor))
      return userError(fmt::format(
          "input '{}' has elements of type {}, the program takes {}{}", input->name, found.dtype, tensor.dtype,
          numpyName(tensor) == tensor.dtype ? "" : fmt::format(", given as their bits in {}", numpyName(tensor))));
    if (found.shape != tensor.shape)
      return userError(fmt::format("input '{}' has the shape [{}], the program takes [{}]", input->name,
                                   fmt::join(found.shape, ", "), fmt::join(tensor.shape, ", ")));
    if (!tensor.fixed.empty() && found.bytes != fixedBytes(tensor))
      return userError(fmt::format("input '{}' decides shapes, and the program was compiled for the value [{}] alone",
                                   input->name, fmt::join(tensor.fixed, ", ")));
    LaunchInput launch;
    launch.name = input->name;
    launch.bytes = std::move(found.bytes);
    inputs.push_back(std::move(launch));
  }
  return inputs;
}

Result<NamedArrays> tensorOutputs(const pkg::ProgramT &program, const LaunchResult &result) {
  NamedArrays arrays;
  for (const auto &output : program.outputs) {
    auto found = std::find_if(result.outputs.begin(), result.outputs.end(),
                              [&](const LaunchOutput &each) { return each.name == output->name; });
    if (found == result.outputs.end() || !output->tensor)
      return internalError(fmt::format("the launch gave no '{}'", output->name));
    arrays.emplace_back(output->name, NpyArray{output->tensor->shape, numpyName(*output->tensor), found->bytes});
  }
  return arrays;
}

} // namespace weft::runtime
