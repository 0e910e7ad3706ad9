#include "compiler/pipeline/ImportFormats.h"

namespace weft::compiler {

namespace {

/// A format of model files. The first bytes of a file decide, its name only where they say nothing; the last format
/// takes what no other one claims: directories and config files.
struct Format {
  bool (*claims)(const std::string &path);
  Result<Imported> (*import)(const ImportOptions &options);
};

bool claimsAnything(const std::string &) { return true; }

constexpr Format formats[] = {
    {claimsGguf, importGguf}, {isOnnx, importOnnx}, {claimsMlir, importMlir}, {claimsAnything, importHuggingFace}};

} // namespace

Result<Imported> importModel(const ImportOptions &options) {
  for (const Format &format : formats)
    if (format.claims(options.model))
      return format.import(options);
  return internalError("no format claims " + options.model);
}

} // namespace weft::compiler
