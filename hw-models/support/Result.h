// The one way a plain-C++ library of Weft reports failure. No exception crosses a library border.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace weft {

/// Whose fault an error is. The value is the exit status of the tool.
enum class Fault { User = 1, Usage = 2, Internal = 3 };

/// One message that says what is wrong, where, why, and what to do about it.
struct Error {
  std::string message;
  Fault fault = Fault::User;
};

inline Error userError(std::string message) { return {std::move(message), Fault::User}; }
inline Error internalError(std::string message) { return {std::move(message), Fault::Internal}; }

/// A value or an Error. `Result<void>` is success or an Error.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : storage(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : storage(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return storage.index() == 0; }
  T &operator*() & { return value(); }
  const T &operator*() const & { return value(); }
  T &&operator*() && { return std::move(value()); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &value(); }

  const Error &error() const & {
    assert(storage.index() == 1);
    return std::get<1>(storage);
  }
  Error &&takeError() { return std::move(std::get<1>(storage)); }

private:
  T &value() {
    assert(storage.index() == 0);
    return std::get<0>(storage);
  }
  const T &value() const {
    assert(storage.index() == 0);
    return std::get<0>(storage);
  }
  std::variant<T, Error> storage;
};

template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : failure(std::move(error)), failed(true) {}
  explicit operator bool() const { return !failed; }
  const Error &error() const { return failure; }
  Error &&takeError() { return std::move(failure); }

private:
  Error failure;
  bool failed = false;
};

inline Result<void> success() { return {}; }

} // namespace weft
