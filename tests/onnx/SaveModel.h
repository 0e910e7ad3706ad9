// A model made in memory as the .onnx file that an exporter would have written.
#pragma once

#include "compiler/frontend/onnx/Model.h"

#include <string>

namespace weft::test {

/// Tensors have raw_data. Functions are left out.
void saveModel(const frontend::onnx::Model &model, const std::string &path);

} // namespace weft::test
