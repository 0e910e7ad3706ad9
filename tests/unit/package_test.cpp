#include "runtime/package/Check.h"
#include "runtime/package/Frame.h"
#include "runtime/package/ProbeWords.h"
#include "runtime/package/StoredFormats.h"
#include "tests/unit/TestPackage.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

using namespace weft;
using namespace weft::runtime;
using Catch::Matchers::Contains;

namespace {

struct Directory {
  std::filesystem::path path = std::filesystem::path(WEFT_BINARY_DIR) / "package_test";
  Directory() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  size_t files() const { return size_t(std::distance(std::filesystem::directory_iterator(path), {})); }
};

std::string parseError(std::span<const std::byte> bytes) {
  auto package = parsePackage(bytes, "some.weft");
  REQUIRE(!package);
  CHECK(package.error().fault == Fault::User);
  CHECK_THAT(package.error().message, Contains("some.weft"));
  return package.error().message;
}

} // namespace

TEST_CASE("a package survives the way through its bytes, which are always the same") {
  const Package package = test::makePackage();
  Result<void> checked = checkPackage(package);
  INFO((checked ? "" : checked.error().message));
  REQUIRE(checked);
  const std::vector<std::byte> bytes = serialize(package);
  CHECK(bytes == serialize(test::makePackage()));
  auto parsed = parsePackage(bytes, "some.weft");
  REQUIRE(parsed);
  CHECK(serialize(**parsed) == bytes);
  CHECK((*parsed)->programs[1]->tasks[0]->instrs[3]->operands[1]->terms[0].stride() == -32);
  CHECK((*parsed)->weights[0]->col_index == package.weights[0]->col_index);
}

TEST_CASE("damaged files are named for what they are") {
  const std::vector<std::byte> good = serialize(test::makePackage());
  SECTION("not a package") {
    CHECK_THAT(parseError(std::as_bytes(std::span("{\"a\": 1} something else"))), Contains("not a Weft package"));
    CHECK_THAT(parseError({}), Contains("not a Weft package"));
  }
  SECTION("another version names both") {
    std::vector<std::byte> other = good;
    other[8] = std::byte(9);
    CHECK_THAT(parseError(other), Contains("version 9") && Contains("version 2"));
  }
  SECTION("cut anywhere") {
    for (size_t length = 0; length < good.size(); length += length < 64 ? 1 : 37)
      CHECK(!parsePackage(std::span(good).first(length), "some.weft"));
    CHECK_THAT(parseError(std::span(good).first(20)), Contains("truncated"));
    CHECK_THAT(parseError(std::span(good).first(good.size() - 1)), Contains("truncated"));
  }
  SECTION("something after the end") {
    std::vector<std::byte> longer = good;
    longer.push_back(std::byte(0));
    CHECK_THAT(parseError(longer), Contains("after the end"));
  }
  SECTION("any byte flipped") {
    for (size_t at = 0; at < good.size(); at += at < 64 ? 1 : 13) {
      std::vector<std::byte> flipped = good;
      flipped[at] ^= std::byte(0x10);
      CHECK(!parsePackage(flipped, "some.weft"));
    }
    std::vector<std::byte> flipped = good;
    flipped.back() ^= std::byte(1);
    CHECK_THAT(parseError(flipped), Contains("checksum"));
  }
  SECTION("not a FlatBuffer behind a right checksum") {
    std::vector<std::byte> garbage(100, std::byte(0x7f));
    CHECK_THAT(parseError(frame(garbage)), Contains("malformed") && Contains("FlatBuffer"));
    CHECK_THAT(parseError(frame({})), Contains("malformed"));
  }
}

TEST_CASE("parts that are shared a thousand times do not exhaust the memory") {
  flatbuffers::FlatBufferBuilder builder;
  auto image = builder.CreateVector(std::vector<uint8_t>(1 << 16));
  std::vector<flatbuffers::Offset<pkg::KernelObject>> objects;
  for (int i = 0; i < 1000; ++i)
    objects.push_back(pkg::CreateKernelObject(builder, 0, 0, 0, image));
  auto list = builder.CreateVector(objects);
  pkg::PackageBuilder package(builder);
  package.add_objects(list);
  pkg::FinishPackageBuffer(builder, package.Finish());
  CHECK_THAT(parseError(frame({reinterpret_cast<const std::byte *>(builder.GetBufferPointer()), builder.GetSize()})),
             Contains("shared"));
}

TEST_CASE("files are written whole or not at all") {
  Directory directory;
  const std::string path = (directory.path / "p.weft").string();
  const Package package = test::makePackage();
  REQUIRE(writePackage(package, path));
  CHECK(directory.files() == 1);
  CHECK(isPackageFile(path));
  REQUIRE(readPackage(path));
  SECTION("a wrong package leaves the old file") {
    Package wrong = test::makePackage();
    wrong.programs[0]->tasks[0]->class_id = 9;
    CHECK(!writePackage(wrong, path));
    CHECK(readPackage(path));
  }
  SECTION("no such folder") {
    auto written = writePackage(package, (directory.path / "none" / "p.weft").string());
    REQUIRE(!written);
    CHECK_THAT(written.error().message, Contains("none") && Contains("No such file"));
  }
  SECTION("a target that cannot be replaced leaves nothing behind") {
    std::filesystem::create_directories(directory.path / "dir.weft" / "x");
    CHECK(!writePackage(package, (directory.path / "dir.weft").string()));
    CHECK(directory.files() == 2);
  }
  SECTION("reading what is not there, or no file") {
    CHECK(!readPackage((directory.path / "absent.weft").string()));
    CHECK(!readPackage(directory.path.string()));
    CHECK(!isPackageFile(directory.path.string()));
  }
}

TEST_CASE("checkPackage finds what a device could not bear") {
  struct Case {
    const char *message;
    std::function<void(Package &)> breakIt;
  };
  auto quantise = [](Package &p, uint32_t blockRows, uint32_t columns, uint32_t first) -> pkg::WeightT & {
    p.weights[0]->element = pkg::ElementType::I8;
    p.weights[0]->quantised = std::make_unique<pkg::QuantisedT>();
    p.weights[0]->quantised->block_rows = blockRows;
    p.weights[0]->quantised->columns = columns;
    p.weights[0]->quantised->first_column = first;
    return *p.weights[0];
  };
  auto apart = [](Package &p) -> pkg::WeightT & {
    pkg::WeightT &weight = *p.weights[0];
    weight.shape = {5, 4};
    weight.transposed = true;
    weight.file_element = pkg::ElementType::F32;
    weight.element = pkg::ElementType::I8;
    weight.apart = packageFormat(ApartFormat{.bits = 4, .length = 16, .zeros = true});
    weight.apart->scales_offset = 200;
    weight.apart->zeros_offset = 300;
    weight.blocks = std::make_unique<pkg::BlocksT>();
    weight.blocks->rows = 2;
    weight.blocks->columns = 2;
    weight.blocks->bits = 4;
    weight.blocks->group = weight.blocks->super_group = 16;
    weight.blocks->wide = weight.blocks->zeros = true;
    return weight;
  };
  for (bool blocks : {false, true}) {
    Package good = test::makePackage();
    if (blocks)
      apart(good);
    else
      quantise(good, 1, 3, 1);
    auto checked = checkPackage(good);
    INFO((checked ? "" : checked.error().message));
    CHECK(checked);
  }
  auto code = [](Package &p) -> auto & { return p.programs[0]->tasks[0]->instrs; };
  auto counted = [&](Package &p) -> pkg::InstrT & {
    pkg::InstrT &call = *code(p)[3];
    call.counted = 1;
    call.count = std::make_unique<pkg::Expr>(test::constant(8));
    call.each = std::make_unique<pkg::WorkT>(*call.work);
    for (auto *each : {&call.each->macs, &call.each->alu, &call.each->load_bytes, &call.each->store_bytes})
      *each = test::expr(pkg::Source::Constant, 0, 0, 2);
    p.kernels[0]->probe = std::make_unique<pkg::ProbeT>();
    p.kernels[0]->probe->scalars = {8, 0};
    p.kernels[0]->probe->rows_scalar = 0;
    return call;
  };
  {
    Package good = test::makePackage();
    counted(good);
    Result<void> checked = checkPackage(good);
    INFO((checked ? "" : checked.error().message));
    CHECK(checked);
  }
  auto sums = [](Package &p) -> auto & { return p.programs[0]->channels[3]->flows; };
  const std::vector<Case> cases = {
      {"outside 1 to", [](Package &p) { p.model->max_seq = 0; }},
      {"vocab_size", [](Package &p) { p.model->vocab_size = 1u << 31; }},
      {"eos 5", [](Package &p) { p.model->eos = {5}; }},
      {"lacks", [](Package &p) { p.model.reset(); }},
      {"lacks", [&](Package &p) { code(p)[0]->operands[0].reset(); }},
      {"digest", [](Package &p) { ++p.hardware_digest; }},
      {"hardware description", [](Package &p) { p.hardware_yaml = "{"; }},
      {"mesh 17x2", [](Package &p) { p.mesh_width = 17; }},
      {"mesh 3x0", [](Package &p) { p.mesh_height = 0; }},
      {"masks of 2", [](Package &p) { p.classes[0]->xs.pop_back(); }},
      {"points for", [](Package &p) { p.classes[2]->point_x.pop_back(); }},
      {"point 3", [](Package &p) { p.classes[2]->point_x[0] = 3; }},
      {"stage 1, which only a package without weights has", [](Package &p) { p.resident[1]->stage = 1; }},
      {"shapes only", [](Package &p) { p.shapes_only = true; }},
      {"overlap at byte", [](Package &p) { p.resident[1]->offset = 48; }},
      {"two of this name", [](Package &p) { p.resident[1]->name = "w"; }},
      {"lie outside", [](Package &p) { p.resident[1]->bytes = 4000000000u; }},
      {"not a multiple", [](Package &p) { p.resident[1]->offset = 129; }},
      {"its kind is not", [](Package &p) { p.resident[1]->kind = pkg::BufferKind::HostIo; }},
      {"differs from", [](Package &p) { p.programs[0]->buffers[0]->bytes = 60; }},
      {"overlaps resident buffer kv", [](Package &p) { p.programs[0]->buffers[2]->offset = 176; }},
      {"two programs", [](Package &p) { p.programs[1]->name = "prefill"; }},
      {"divides by", [](Package &p) { p.programs[0]->params[1]->divisors = {0}; }},
      {"not a permutation", [](Package &p) { p.programs[0]->rank_x = {0, 1, 1}; }},
      {"entries for", [](Package &p) { p.programs[0]->rank_y = {0}; }},
      {"lies along", [](Package &p) { p.programs[0]->channels[0]->axis = pkg::Axis::None; }},
      {"line 2", [](Package &p) { p.programs[0]->channels[0]->flows = {{2, 0, 0, 1, false, 0, pkg::Combine::None}}; }},
      {"not on a line",
       [](Package &p) { p.programs[0]->channels[0]->flows = {{0, 0, 0, 3, false, 0, pkg::Combine::None}}; }},
      {"not on a line",
       [](Package &p) { p.programs[0]->channels[0]->flows = {{0, 0, 1, 2, false, 0, pkg::Combine::None}}; }},
      {"not on a line",
       [](Package &p) { p.programs[0]->channels[0]->flows = {{0, -1, -2, 2, false, 0, pkg::Combine::None}}; }},
      {"colour 200",
       [](Package &p) { p.programs[0]->channels[0]->flows = {{0, 0, 0, 1, false, 200, pkg::Combine::None}}; }},
      {"unknown way, 7", [&](Package &p) { sums(p) = {{0, 1, 0, 2, false, 5, pkg::Combine(7)}}; }},
      {"the host takes part", [&](Package &p) { sums(p) = {{0, 1, -1, 2, false, 5, pkg::Combine::MaxI32}}; }},
      {"at its root alone", [&](Package &p) { sums(p) = {{0, 1, 0, 2, true, 5, pkg::Combine::AddBF16}}; }},
      {"cores take turns", [](Package &p) { p.programs[0]->channels[0]->turn = 1; }}, // the host is no core
      {"cores take turns", [](Package &p) { p.programs[0]->channels[1]->turn = 2; }}, // delivered at one end
      {"cores take turns", [&](Package &p) { p.programs[0]->channels[3]->turn = 1; }},
      {"reduce_stage is 0",
       [](Package &p) {
         const hw::Hardware plain = *hw::load("rvv-mesh-16");
         p.hardware_yaml = plain.yaml;
         p.hardware_digest = plain.digest;
       }},
      {"input tokens: channel 4", [](Package &p) { p.programs[0]->inputs[0]->channel = 4; }},
      {"depends on a core", [](Package &p) { *p.programs[0]->inputs[0]->bytes = {pkg::Source::CoordX, 0, 1, 0}; }},
      {"output logits: channel 4", [](Package &p) { p.programs[0]->outputs[0]->channel = 4; }},
      {"nothing delivers element 3", [](Package &p) { p.programs[0]->outputs[0]->index[4] = -1; }},
      {"comes twice", [](Package &p) { p.programs[0]->outputs[0]->index[4] = 2; }},
      {"comes twice", [](Package &p) { p.programs[0]->outputs[0]->index[4] = 5; }},
      {"an index of", [](Package &p) { p.programs[0]->outputs[0]->index.push_back(-1); }},
      {"vocabulary", [](Package &p) { p.programs[0]->outputs[0]->extent = 4; }},
      {"class 3", [](Package &p) { p.programs[0]->tasks[0]->class_id = 3; }},
      {"op 3", [](Package &p) { p.programs[0]->tasks[0]->op = 3; }},
      {"channel 4", [&](Package &p) { code(p)[0]->channel = 4; }},
      {"channel_out 4", [&](Package &p) { code(p)[6]->channel_out = 4; }},
      {"unknown reduction", [&](Package &p) { code(p)[6]->reduce = pkg::ReduceKind(7); }},
      {"whole f32", [&](Package &p) { *code(p)[6]->bytes = test::constant(6); }},
      {"unknown kind", [&](Package &p) { code(p)[5]->kind = pkg::InstrKind(9); }},
      {"no bytes", [&](Package &p) { code(p)[0]->bytes.reset(); }},
      {"no loop count", [&](Package &p) { code(p)[1]->count.reset(); }},
      {"loop count of -7", [&](Package &p) { *code(p)[1]->count = {pkg::Source::Param, 0, -1, 1}; }},
      {"bytes of -8", [&](Package &p) { p.classes[1]->xs[0] = true; }},
      {"parameter 2", [&](Package &p) { *code(p)[0]->bytes = {pkg::Source::Param, 2, 1, 0}; }},
      {"names loop 0, 0 are open", [&](Package &p) { *code(p)[0]->bytes = {pkg::Source::Loop, 0, 1, 0}; }},
      {"names loop 1, 1 are open",
       [&](Package &p) { code(p)[2]->operands[0]->terms = {{1, 1, test::constant(0), 2, 4}}; }},
      {"modulus 0", [&](Package &p) { code(p)[2]->operands[0]->terms = {{0, 1, test::constant(0), 0, 4}}; }},
      {"parameter 2",
       [&](Package &p) { code(p)[2]->operands[0]->terms = {{0, 1, {pkg::Source::Param, 2, 1, 0}, 3, 4}}; }},
      // The remainder is never negative: -1 is the last of 4 slots.
      {"reach beyond", [&](Package &p) { code(p)[2]->operands[0]->terms = {{0, 0, test::constant(-1), 4, 32}}; }},
      {"reach beyond", [&](Package &p) { code(p)[2]->operands[0]->terms = {{0, 1, test::constant(0), 4, 32}}; }},
      {"reach beyond", [&](Package &p) { code(p)[3]->operands[1]->offset = 60; }},
      {"reach beyond", [&](Package &p) { code(p)[3]->operands[0]->offset = 17; }},
      {"reach beyond", [&](Package &p) { code(p)[0]->bytes = test::expr(pkg::Source::Param, 0, 4, 5); }},
      {"reach beyond",
       [&](Package &p) {
         code(p)[2]->operands[0]->terms.assign(4, {0, INT32_MAX, test::constant(INT32_MAX), INT32_MAX, INT32_MAX});
         *code(p)[1]->count = test::constant(INT32_MAX);
         *code(p)[2]->bytes = test::constant(4);
       }},
      {"buffer 5", [&](Package &p) { code(p)[0]->operands[0]->buffer = 5; }},
      {"2 operands, a transfer", [&](Package &p) { code(p)[0]->operands.push_back(test::operand(0, 0)); }},
      {"kernel 1", [&](Package &p) { code(p)[3]->kernel = 1; }},
      {"3 operands for kernel", [&](Package &p) { code(p)[3]->operands.push_back(test::operand(0, 0)); }},
      {"no work", [&](Package &p) { code(p)[3]->work.reset(); }},
      {"work of", [&](Package &p) { code(p)[3]->work->alu = test::expr(pkg::Source::Constant, 0, 0, -1); }},
      {"unknown source", [&](Package &p) { code(p)[3]->scalars[0] = {pkg::Source(9), 0, 0, 0}; }},
      {"without its end", [&](Package &p) { code(p).erase(code(p).begin() + 4); }},
      {"no loop is open", [&](Package &p) { code(p).push_back(test::instr(pkg::InstrKind::LoopEnd)); }},
      {"more than 4 deep",
       [&](Package &p) {
         for (int i = 0; i < 4; ++i) {
           auto loop = test::instr(pkg::InstrKind::LoopBegin);
           loop->count = test::expr(pkg::Source::Constant, 0, 0, 1);
           code(p).insert(code(p).begin(), std::move(loop));
           code(p).push_back(test::instr(pkg::InstrKind::LoopEnd));
         }
       }},
      {"file 1", [](Package &p) { p.weights[0]->file = 1; }},
      {"lie outside its file", [](Package &p) { p.weights[0]->file_offset = 961; }},
      {"lie outside its file", [](Package &p) { p.weights[0]->file_offset = UINT64_MAX; }},
      {"out of range", [](Package &p) { p.weights[0]->shape = {1ull << 40, 2}; }},
      {"dimensions", [](Package &p) { p.weights[0]->shape = {2, 2, 5}; }},
      {"no conversion", [](Package &p) { p.weights[0]->element = pkg::ElementType::I32; }},
      {"no resident buffer", [](Package &p) { p.weights[0]->buffer = "x"; }},
      {"with a stride", [](Package &p) { p.weights[0]->row_stride = 4; }},
      {"do not fit buffer w", [](Package &p) { p.weights[0]->offset = 48; }},
      {"do not fit buffer w", [](Package &p) { p.weights[0]->row_stride = 0xfffffff0; }},
      {"row 2 of cores, of 2", [](Package &p) { p.weights[0]->core_rows = {2}; }},
      {"row 0 of cores, of 2, is none or out of order", [](Package &p) { p.weights[0]->core_rows = {1, 0}; }},
      {"row 1 of cores, of 2, is none or out of order", [](Package &p) { p.weights[0]->core_rows = {1, 1}; }},
      {"operand 2 holds no count", [&](Package &p) { code(p)[3]->counted = 2; }},
      {"but no scalar or no work", [&](Package &p) { code(p)[3]->counted = 1; }},
      {"but no scalar or no work",
       [&](Package &p) {
         counted(p);
         p.kernels[0]->probe->rows_scalar = -1;
       }},
      {"most", [&](Package &p) { *counted(p).count = test::constant(-1); }},
      {"is no constant", [&](Package &p) { counted(p).each->macs = test::expr(pkg::Source::Param, 0, 1, 0); }},
      {"row index has 3", [](Package &p) { p.weights[0]->row_index.pop_back(); }},
      {"row index holds 4", [](Package &p) { p.weights[0]->row_index[0] = 4; }},
      {"column index holds 4", [](Package &p) { p.weights[0]->transposed = true; }},
      {"column index holds -2", [](Package &p) { p.weights[0]->col_index[0] = -2; }},
      {"elements are i8 where", [](Package &p) { p.weights[0]->element = pkg::ElementType::I8; }},
      {"no conversion", [](Package &p) { p.weights[0]->file_element = pkg::ElementType::I8; }},
      {"elements are i8 where", [&](Package &p) { quantise(p, 1, 3, 0).element = pkg::ElementType::F32; }},
      {"unknown order", [&](Package &p) { quantise(p, 1, 3, 0).quantised->order = pkg::ByteOrder(2); }},
      {"do not make blocks of 0", [&](Package &p) { quantise(p, 0, 4, 0); }},
      {"do not make blocks of 3", [&](Package &p) { quantise(p, 3, 4, 0); }},
      {"of a block that has 1", [&](Package &p) { quantise(p, 1, 1, 0); }},
      {"columns 4294967295 to", [&](Package &p) { quantise(p, 1, 4, UINT32_MAX); }},
      {"do not fit buffer w", [&](Package &p) { quantise(p, 1, UINT32_MAX, 0); }},
      {"do not fit buffer w", [&](Package &p) { quantise(p, 1, 3, 0).offset = UINT32_MAX - 3; }},
      {"do not fit buffer w", [&](Package &p) { quantise(p, 1, 3, 0).offset = 1; }},
      {"no format has 3 bits in groups of 16", [&](Package &p) { apart(p).apart->bits = 3; }},
      {"no format has 4 bits in groups of 48", [&](Package &p) { apart(p).apart->length = 48; }},
      {"scales of element type 3",
       [&](Package &p) { apart(p).apart->scale_element = pkg::ElementType::I32; }},
      {"scales of element type 77", [&](Package &p) { apart(p).apart->scale_element = pkg::ElementType(77); }},
      {"those of an f32 matrix in no other blocks",
       [&](Package &p) { apart(p).file_blocks = pkg::BlockFormat::Q4_0; }},
      {"those of an f32 matrix in no other blocks", [&](Package &p) { apart(p).shape = {20}; }},
      {"of its scales: file 1 of 1", [&](Package &p) { apart(p).apart->scales_file = 1; }},
      {"of its zero points: file 7 of 1", [&](Package &p) { apart(p).apart->zeros_file = 7; }},
      {"of its scales: its 20 bytes at 981 lie outside", [&](Package &p) { apart(p).apart->scales_offset = 981; }},
      {"of its zero points: its 5 bytes at 18446744073709551615 lie outside",
       [&](Package &p) { apart(p).apart->zeros_offset = UINT64_MAX; }},
      {"its 40 bytes at 961 lie outside", [&](Package &p) { apart(p).file_offset = 961; }},
      {"order 3, share 0", [&](Package &p) { apart(p).apart->order = pkg::ApartOrder(3); }},
      {"order 1, share 200",
       [&](Package &p) {
         apart(p).apart->order = pkg::ApartOrder::Rows;
         p.weights[0]->apart->share = pkg::ApartShare(200);
       }},
      {"order 0, share 1", [&](Package &p) { apart(p).apart->share = pkg::ApartShare::Row; }},
      {"order 0, share 0", [&](Package &p) { apart(p).apart->signed_codes = true; }},
      {"19 bytes of scales instead of 20", [&](Package &p) { apart(p).apart->scales_here.resize(19); }},
      {"21 bytes of scales instead of 20", [&](Package &p) { apart(p).apart->scales_here.resize(21); }},
      {"4 bytes of zero points instead of 5", [&](Package &p) { apart(p).apart->zeros_here.resize(4); }},
      {"both minimums and zero points", [&](Package &p) { apart(p).blocks->minimums = true; }},
      {"no room for those of 4 bits x 16, f32 scales, zeros", [&](Package &p) { apart(p).blocks->zeros = false; }},
      {"no room for those of 4 bits x 16, f32 scales, zeros", [&](Package &p) { apart(p).blocks->wide = false; }},
      {"constant angles: no resident", [](Package &p) { p.constants[0]->buffer = "x"; }},
      {"do not fit", [](Package &p) { p.constants[0]->offset = 61; }},
      {"bytes of data", [](Package &p) { p.constants[0]->data.pop_back(); }},
      {"two of it", [](Package &p) { p.kernels.push_back(std::make_unique<pkg::KernelT>(*p.kernels[0])); }},
      {"2 scalars for kernel", [](Package &p) { p.kernels[0]->probe->scalars.push_back(1); }},
      {"the rows in scalar 2 of 2", [](Package &p) { p.kernels[0]->probe->rows_scalar = 2; }},
      {"the rows in scalar -2 of 2", [](Package &p) { p.kernels[0]->probe->rows_scalar = -2; }},
      {"the launch words in operand 2 of 2", [](Package &p) { p.kernels[0]->probe->launch = 2; }},
      {"more than 2147483647 tokens", [](Package &p) { p.kernels[0]->probe->most_tokens = 1u << 31; }},
      {"0 tokens that differ by 0", [](Package &p) { p.kernels[0]->probe->ids = 0; }},
      {"3 tokens that differ by 2147483647 from 0 on",
       [](Package &p) {
         p.kernels[0]->probe->ids = 3;
         p.kernels[0]->probe->id_step = INT32_MAX;
       }},
  };
  for (const Case &each : cases) {
    Package package = test::makePackage();
    each.breakIt(package);
    Result<void> checked = checkPackage(package);
    INFO("expected: " << each.message);
    REQUIRE(!checked);
    CHECK_THAT(checked.error().message, Contains(each.message));
  }
}

TEST_CASE("the loader calls a wrong package the file's fault") {
  Package package = test::makePackage();
  package.programs[1]->tasks[0]->instrs[0]->channel = 77;
  CHECK_THAT(parseError(serialize(package)),
             Contains("program decode: task 0 (class east, op embed), instruction 0 (Get): channel 77 of 4"));
}

TEST_CASE("a class's extent is that of its members") {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    const uint32_t width = 1 + random() % 5, height = 1 + random() % 5;
    pkg::ClassT cls;
    for (uint32_t x = 0; x < width; ++x)
      cls.xs.push_back(random() % 3 != 0);
    for (uint32_t y = 0; y < height; ++y)
      cls.ys.push_back(random() % 3 != 0);
    if (random() % 2) {
      for (uint32_t y = 0; y < height; ++y)
        cls.point_x.push_back(int32_t(random() % (width + 1)) - 1);
      cls.point_negated = random() % 2;
    }
    std::vector<bool> hasX(width), hasY(height);
    for (uint32_t y = 0; y < height; ++y)
      for (uint32_t x = 0; x < width; ++x)
        if (cls.xs[x] && cls.ys[y] && (cls.point_x.empty() || (cls.point_x[y] == int32_t(x)) != cls.point_negated))
          hasX[x] = hasY[y] = true;
    const check::ClassExtent extent = check::extentOf(cls, width, height);
    CHECK(extent.hasX == hasX);
    CHECK(extent.hasY == hasY);
  }
}

// Hidden: writes the seed of the fuzz target's corpus to the current folder after a change of the schema.
TEST_CASE("write the fuzz seed", "[.seed]") {
  const std::vector<std::byte> bytes = serialize(test::makePackage());
  std::ofstream file("tiny.payload", std::ios::binary);
  file.write(reinterpret_cast<const char *>(bytes.data() + frameHeaderBytes),
             std::streamsize(bytes.size() - frameHeaderBytes));
  REQUIRE(file.good());
}

TEST_CASE("the fuzz seed is a package of today's schema") {
  std::ifstream file(WEFT_SOURCE_DIR "/tests/fuzz/corpus/package/tiny.payload", std::ios::binary);
  const std::string payload{std::istreambuf_iterator<char>(file), {}};
  auto package = parsePackage(frame(std::as_bytes(std::span(payload))), "seed");
  INFO((package ? "" : package.error().message));
  CHECK(package);
}

TEST_CASE("buffers of different stages may share bytes") {
  Package package = test::makePackage();
  package.shapes_only = true;
  package.weights.clear();
  package.constants.clear();
  package.files.clear();
  auto place = [&](int32_t stageOfW, int32_t stageOfKv, uint32_t offset) {
    package.resident[0]->stage = stageOfW;
    package.resident[1]->stage = stageOfKv;
    package.resident[1]->offset = offset;
    for (auto &program : package.programs)
      for (auto &buffer : program->buffers)
        if (buffer->name == package.resident[1]->name)
          buffer->offset = offset;
    return bool(checkPackage(package));
  };
  CHECK(place(-1, -1, 128));
  CHECK(place(0, 1, 48));
  CHECK_FALSE(place(1, 1, 48));
  CHECK_FALSE(place(-1, 1, 48));
  CHECK_FALSE(place(0, -1, 48));
}

TEST_CASE("the words of the call by which a kernel is measured", "[package]") {
  pkg::ProbeT probe;
  probe.launch = 0;
  probe.tokens_per_row = 2;
  probe.most_tokens = 5;
  probe.id = 7;
  CHECK(probeWords(probe, 2, 20) == std::vector<int32_t>{4, 7, 7, 7, 7});
  CHECK(probeWords(probe, 3, 4) == std::vector<int32_t>{5});
  probe.ids = 3;
  probe.id_step = 10;
  CHECK(probeWords(probe, 1, 24) == std::vector<int32_t>{2, 7, 17, 27, 7, 17});
  probe.most_tokens = 0;
  CHECK(probeWords(probe, 0, 8) == std::vector<int32_t>{1, 7});
}
