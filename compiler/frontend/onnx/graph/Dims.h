// Sizes of the symbolic dimensions of a model's inputs.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "hw-models/support/Result.h"

#include <map>
#include <string>
#include <vector>

namespace weft::frontend::onnx {

using DimSizes = std::map<std::string, int64_t>;

/// Dimension `i` of a value without a size, as GraphOptions names it.
std::string nameOfDimension(const ValueInfo &value, size_t i);

/// What must be bound beside `given`, in the order of the inputs. A dimension whose name is a sum or a product of names
/// and integers ("past_sequence_length + 1", "2*n") needs these names, if it is not given itself. Spaces in such a name
/// do not count: "n+1" gives "n + 1".
std::vector<std::string> unboundDims(const Model &model, const DimSizes &given);

/// An option of the command line that binds what must be bound, for example "--dim batch=1,n=8"; empty: all is.
std::string dimOption(const Model &model, const DimSizes &given);

/// Which dimensions of which inputs have no size, and an example of how they get one; empty: all have.
std::string askForDims(const Model &model, const DimSizes &given);

struct BoundDims {
  DimSizes all;
  std::vector<std::string> computed; // from the names in their names
};

/// Whether each dimension that is given is one of the model, or in the name of one, and has at most 2^32 elements.
Result<void> checkDims(const Model &model, const DimSizes &given);

/// Sizes of all dimensions. What is given is taken as it is, whatever a name says: exporters' names need not be true.
/// Errors: those of checkDims, a dimension without a size, one that its name makes too large.
Result<BoundDims> bindDims(const Model &model, const DimSizes &given);

} // namespace weft::frontend::onnx
