// The reference of the hardware description, docs/hardware.md.
#include "hw-models/Schema.h"
#include "hw-models/core/CoreKinds.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::hw;

namespace {

constexpr std::string_view intro = R"(# Hardware descriptions

A machine is one YAML file, the same for compiler and mesh engine. `weft hw list` shows the presets that come with Weft,
`weft hw show NAME` one of them with units and meaning, `weft hw check FILE` says whether a file of your own is right.
What the keys under `energy` and `area` add up to is in [area-and-energy.md](area-and-energy.md). Start from a file in
`hw-models/presets/`, or change single values on the way in:

```
weft hw show rvv-mesh-16 --set memory.sram_kib=64 --set parallelism.mesh=[8,8]
```

This page is printed by `weft hw schema`. Dots stand for nesting: `memory.reserve_kib.code` is

```yaml
memory:
  reserve_kib:
    code: 8
```

A key that is unknown, missing, given twice, of another type or out of range is an error; the message names file, line, key
and what is allowed. Aliases, anchors and tags are refused. A file has at most 65536 bytes of UTF-8.
Write the source of each number in a comment beside it, or `design choice` and why.

)";

constexpr std::string_view kindsIntro = R"(
## Core kinds
The compiler's estimate of a kernel is `startup + max(compute, load, store)` cycles, rounded up. Compute is the sum of
multiply-accumulates, other operations and special operations, each divided by its rate; load and store are bytes divided by
theirs. Kind `dsd` declares rates and startup, and adds what control costs: vector instructions, descriptors and
activations of tasks, as many of each as the program says; `hw-models/core/Rates.h` has the formula. For kind `rvv` they follow from its pipes, latencies and steps of division;
how long its instructions take is in [timing-model.md](timing-model.md).

| kind | core |
|---|---|
)";

std::string_view groupOf(std::string_view path) {
  size_t dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string absenceText(const Key &key) {
  switch (key.absence) {
  case Absence::Required:
    return "required";
  case Absence::Default:
    return fmt::format("`{}`", key.fallback);
  case Absence::Optional:
    break;
  }
  return "none";
}

} // namespace

std::string hw::schemaMarkdown() {
  std::string out(intro);
  constexpr std::string_view header = "| key | allowed | default | meaning |\n|---|---|---|---|\n";
  std::string_view group = "?";
  for (const Key &key : schema()) {
    if (groupOf(key.path) != group) {
      bool isFirst = group == "?";
      group = groupOf(key.path);
      out += fmt::format("{}## {}\n{}", isFirst ? "" : "\n", group.empty() ? "machine" : group, header);
    }
    std::string kind = key.kind.empty() ? "" : fmt::format("{} only: ", key.kind);
    out += fmt::format("| `{}` | {} | {} | {}{} |\n", key.path, describeAllowed(key), absenceText(key), kind, key.doc);
  }
  out += kindsIntro;
  for (const auto &kind : coreKinds())
    out += fmt::format("| `{}` | {} |\n", kind.name, kind.doc);
  return out;
}
