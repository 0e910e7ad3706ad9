#include "runtime/package/UnpackedSize.h"

namespace weft::runtime {
namespace {

struct Counter : UnpackedSize {
  uint64_t limit;

  explicit Counter(uint64_t limit) : limit(limit) {}

  bool full() const { return bytes > limit; }

  void operator()(const flatbuffers::String *text) { bytes += text ? text->size() : 0; }

  template <typename T> void operator()(const flatbuffers::Vector<T> *values) { elements<T>(values); }
  template <typename T> void operator()(const flatbuffers::Vector<const T *> *structs) { elements<T>(structs); }
  template <typename T, typename Vector> void elements(const Vector *values) {
    if (!values)
      return;
    bytes += uint64_t(values->size()) * sizeof(T);
    aligned &= reinterpret_cast<uintptr_t>(values->Data()) % alignof(T) == 0;
  }
  /// A vector of tables: each is counted by the overload of `table` for its type.
  template <typename T> void operator()(const flatbuffers::Vector<flatbuffers::Offset<T>> *tables) {
    if (!tables)
      return;
    for (const T *entry : *tables) {
      if (full())
        return;
      bytes += 4;
      table(*entry);
    }
  }

  void table(const pkg::Channel &t) { (*this)(t.name()), (*this)(t.flows()); }
  void table(const pkg::Class &t) { (*this)(t.name()), (*this)(t.xs()), (*this)(t.ys()), (*this)(t.point_x()); }
  void table(const pkg::Operand &t) { (*this)(t.terms()); }
  void table(const pkg::Instr &t) { (*this)(t.operands()), (*this)(t.scalars()); }
  void table(const pkg::Task &t) { (*this)(t.instrs()); }
  void table(const pkg::Buffer &t) { (*this)(t.name()); }
  void table(const pkg::HostTensor &t) { (*this)(t.dtype()), (*this)(t.shape()), (*this)(t.fixed()); }
  void table(const pkg::HostInput &t) {
    (*this)(t.name());
    if (t.tensor())
      table(*t.tensor());
  }
  void table(const pkg::HostOutput &t) {
    (*this)(t.name()), (*this)(t.index());
    if (t.tensor())
      table(*t.tensor());
  }
  void table(const pkg::Param &t) { (*this)(t.name()), (*this)(t.divisors()); }
  void table(const pkg::Op &t) { (*this)(t.name()), (*this)(t.kind()); }
  void table(const pkg::Program &t) {
    (*this)(t.name()), (*this)(t.params()), (*this)(t.rank_x()), (*this)(t.rank_y()), (*this)(t.ops());
    (*this)(t.channels()), (*this)(t.buffers()), (*this)(t.tasks()), (*this)(t.inputs()), (*this)(t.outputs());
  }
  void table(const pkg::WeightFile &t) { (*this)(t.path()); }
  void table(const pkg::Weight &t) {
    (*this)(t.name()), (*this)(t.shape()), (*this)(t.buffer()), (*this)(t.row_index()), (*this)(t.col_index());
    (*this)(t.core_rows());
  }
  void table(const pkg::Constant &t) { (*this)(t.name()), (*this)(t.buffer()), (*this)(t.data()); }
  void table(const pkg::Probe &t) { (*this)(t.scalars()); }
  void table(const pkg::Kernel &t) {
    (*this)(t.name()), (*this)(t.operand_bytes());
    if (t.probe())
      table(*t.probe());
  }
  void table(const pkg::KernelObject &t) {
    (*this)(t.triple()), (*this)(t.cpu()), (*this)(t.features()), (*this)(t.image());
  }
  void table(const pkg::Model &t) {
    (*this)(t.name()), (*this)(t.architecture()), (*this)(t.directory()), (*this)(t.eos());
  }
  void table(const flatbuffers::String &t) { (*this)(&t); }
};

} // namespace

UnpackedSize unpackedSize(const pkg::Package &package, uint64_t limit) {
  Counter count(limit);
  count(package.producer());
  count(package.hardware_name());
  count(package.hardware_yaml());
  if (package.model())
    count.table(*package.model());
  count(package.classes());
  count(package.resident());
  count(package.programs());
  count(package.files());
  count(package.weights());
  count(package.constants());
  count(package.kernels());
  count(package.objects());
  return count;
}

} // namespace weft::runtime
