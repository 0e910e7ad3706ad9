// What the steps share. Internal to runtime/tokenizer.
#pragma once

#include "runtime/tokenizer/Stages.h"

namespace weft::runtime {

/// What steps may make of `bytes`: several times what any real tokenizer does.
size_t growthLimit(size_t bytes);
Error growthError();

void replaceAll(std::string &text, const std::vector<TextRange> &matches, const std::string &content);

} // namespace weft::runtime
