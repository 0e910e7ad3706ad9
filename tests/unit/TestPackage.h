// A small package made by hand: 3 x 2 cores of a preset, two programs, every table of the schema in use.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/package/PackageFile.h"

#include <memory>
#include <string>

namespace weft::test {

inline pkg::Expr constant(int32_t value) { return {pkg::Source::Constant, 0, 0, value}; }

inline std::unique_ptr<pkg::Expr> expr(pkg::Source source, uint8_t index, int32_t scale, int32_t add) {
  return std::make_unique<pkg::Expr>(source, index, scale, add);
}

inline std::unique_ptr<pkg::BufferT> buffer(const char *name, pkg::BufferKind kind, uint32_t offset, uint32_t bytes) {
  auto buffer = std::make_unique<pkg::BufferT>();
  buffer->name = name;
  buffer->kind = kind;
  buffer->offset = offset;
  buffer->bytes = bytes;
  return buffer;
}

inline std::unique_ptr<pkg::OperandT> operand(uint32_t buffer, uint32_t offset, std::vector<pkg::RingTerm> terms = {}) {
  auto operand = std::make_unique<pkg::OperandT>();
  operand->buffer = buffer;
  operand->offset = offset;
  operand->terms = std::move(terms);
  return operand;
}

inline std::unique_ptr<pkg::InstrT> instr(pkg::InstrKind kind) {
  auto instr = std::make_unique<pkg::InstrT>();
  instr->kind = kind;
  return instr;
}

inline std::unique_ptr<pkg::InstrT> transfer(pkg::InstrKind kind, uint32_t channel, uint32_t channelOut,
                                             std::unique_ptr<pkg::Expr> bytes, std::unique_ptr<pkg::OperandT> where) {
  auto result = instr(kind);
  result->channel = channel;
  result->channel_out = channelOut;
  result->bytes = std::move(bytes);
  result->operands.push_back(std::move(where));
  return result;
}

inline std::unique_ptr<pkg::ClassT> coreClass(const char *name, std::vector<bool> xs, std::vector<bool> ys) {
  auto cls = std::make_unique<pkg::ClassT>();
  cls->name = name;
  cls->xs = std::move(xs);
  cls->ys = std::move(ys);
  return cls;
}

/// Buffers of makeProgram(), by index.
enum : uint32_t { weightsBuffer, cacheBuffer, activationBuffer, ringBuffer, inputBuffer };

inline std::unique_ptr<pkg::TaskT> makeTask() {
  using pkg::InstrKind;
  auto task = std::make_unique<pkg::TaskT>();
  task->class_id = 1;
  auto &code = task->instrs;
  code.push_back(transfer(InstrKind::Get, 0, 0, expr(pkg::Source::Param, 0, 4, 4), operand(inputBuffer, 0)));
  code.push_back(instr(InstrKind::LoopBegin));
  code.back()->count = expr(pkg::Source::Param, 1, 1, 0);
  // 3 slots of 32 bytes, beginning with the second
  code.push_back(transfer(InstrKind::Put, 1, 0, expr(pkg::Source::Loop, 0, 4, 0),
                          operand(ringBuffer, 0, {{0, 1, constant(1), 3, 32}})));
  code.push_back(instr(InstrKind::Call));
  code.back()->operands.push_back(operand(activationBuffer, 16));
  code.back()->operands.push_back(operand(ringBuffer, 64, {{0, 1, constant(0), 3, -32}}));
  code.back()->scalars = {constant(7), {pkg::Source::RankX, 0, 2, 1}};
  code.back()->work = std::make_unique<pkg::WorkT>();
  code.back()->work->macs = expr(pkg::Source::CoordY, 0, 100, 10);
  code.push_back(instr(InstrKind::LoopEnd));
  code.push_back(instr(InstrKind::Wait));
  code.push_back(
      transfer(InstrKind::ReduceForward, 1, 2, expr(pkg::Source::Constant, 0, 0, 16), operand(activationBuffer, 0)));
  code.push_back(
      transfer(InstrKind::ReduceInto, 1, 0, expr(pkg::Source::CoordX, 0, 8, -8), operand(activationBuffer, 0)));
  return task;
}

inline std::unique_ptr<pkg::ChannelT> channel(const char *name, pkg::Axis axis, std::vector<pkg::Flow> flows) {
  auto channel = std::make_unique<pkg::ChannelT>();
  channel->name = name;
  channel->axis = axis;
  channel->flows = std::move(flows);
  return channel;
}

inline std::unique_ptr<pkg::ProgramT> makeProgram(const char *name) {
  auto program = std::make_unique<pkg::ProgramT>();
  program->name = name;
  for (std::vector<int32_t> divisors : {std::vector<int32_t>{}, std::vector<int32_t>{2}}) {
    program->params.push_back(std::make_unique<pkg::ParamT>());
    program->params.back()->name = divisors.empty() ? "tokens" : "rows";
    program->params.back()->divisors = divisors;
  }
  program->rank_x = {0, 2, 1};
  program->rank_y = {0, 1};
  for (const char *op : {"embed", "layers.0.q", "layers.1.q"}) {
    program->ops.push_back(std::make_unique<pkg::OpT>());
    program->ops.back()->name = op;
    program->ops.back()->kind = std::string(op) == "embed" ? "embedding" : "linear";
  }
  program->channels.push_back(channel("tokens", pkg::Axis::X, {{-1, -1, -1, 2, true, 0, pkg::Combine::None}}));
  program->channels.push_back(
      channel("east", pkg::Axis::X,
              {{-1, 0, 0, 1, false, 1, pkg::Combine::None}, {-1, 1, 1, 2, false, 2, pkg::Combine::None}}));
  program->channels.push_back(channel(
      "out", pkg::Axis::X, {{0, 2, -1, 2, false, 3, pkg::Combine::None}, {1, 2, -1, 2, false, 4, pkg::Combine::None}}));
  program->channels.push_back(channel("sum", pkg::Axis::X, {{-1, 1, 0, 2, false, 5, pkg::Combine::AddF32}}));
  program->buffers.push_back(buffer("w", pkg::BufferKind::Weights, 0, 64));
  program->buffers.push_back(buffer("kv", pkg::BufferKind::KvCache, 128, 64));
  program->buffers.push_back(buffer("x", pkg::BufferKind::Activations, 256, 64));
  program->buffers.push_back(buffer("ring", pkg::BufferKind::Communication, 320, 96));
  program->buffers.push_back(buffer("in", pkg::BufferKind::HostIo, 416, 36));
  program->tasks.push_back(makeTask());
  program->inputs.push_back(std::make_unique<pkg::HostInputT>());
  program->inputs[0]->name = "tokens";
  program->inputs[0]->bytes = expr(pkg::Source::Param, 0, 4, 4);
  program->outputs.push_back(std::make_unique<pkg::HostOutputT>());
  program->outputs[0]->name = "logits";
  program->outputs[0]->channel = 2;
  program->outputs[0]->extent = 5;
  program->outputs[0]->index = {0, 2, 4, 1, 3, -1};
  return program;
}

inline void addWeights(runtime::Package &package) {
  package.files.push_back(std::make_unique<pkg::WeightFileT>());
  package.files[0]->path = "model.safetensors";
  package.files[0]->size = 1000;
  package.weights.push_back(std::make_unique<pkg::WeightT>());
  pkg::WeightT &weight = *package.weights[0];
  weight.name = "layers.0.q";
  weight.file_offset = 100;
  weight.file_element = pkg::ElementType::BF16;
  weight.shape = {4, 5};
  weight.buffer = "w";
  weight.offset = 8;
  weight.element = pkg::ElementType::F32;
  weight.row_stride = 12;
  weight.rows_local = 2;
  weight.cols_local = 2;
  weight.row_axis = pkg::Axis::Y;
  weight.col_axis = pkg::Axis::X;
  weight.row_index = {3, 0, 1, 2};
  weight.col_index = {0, 3, 1, 4, 2, -1};
  package.constants.push_back(std::make_unique<pkg::ConstantT>());
  package.constants[0]->name = "angles";
  package.constants[0]->buffer = "w";
  package.constants[0]->offset = 60;
  package.constants[0]->axis = pkg::Axis::X;
  package.constants[0]->bytes_per_core = 4;
  for (uint8_t byte = 0; byte < 12; ++byte)
    package.constants[0]->data.push_back(byte);
}

/// Passes checkPackage. Classes: all cores; columns 1 and 2; in each row the core at x = y.
inline runtime::Package makePackage() {
  const hw::Hardware hardware = *hw::load("rvv-mesh-16", {{"routing.reduce_stage", "3"}});
  runtime::Package package;
  package.producer = "test";
  package.hardware_name = hardware.name;
  package.hardware_yaml = hardware.yaml;
  package.hardware_digest = hardware.digest;
  package.mesh_width = 3;
  package.mesh_height = 2;
  package.model = std::make_unique<pkg::ModelT>();
  package.model->name = "tiny";
  package.model->architecture = "LlamaForCausalLM";
  package.model->directory = "/nowhere";
  package.model->vocab_size = 5;
  package.model->max_seq = 8;
  package.model->bos = 1;
  package.model->eos = {4};
  package.classes.push_back(coreClass("all", {true, true, true}, {true, true}));
  package.classes.push_back(coreClass("east", {false, true, true}, {true, true}));
  package.classes.push_back(coreClass("diagonal", {true, true, true}, {true, true}));
  package.classes.back()->point_x = {0, 1};
  package.resident.push_back(buffer("w", pkg::BufferKind::Weights, 0, 64));
  package.resident.push_back(buffer("kv", pkg::BufferKind::KvCache, 128, 64));
  package.programs.push_back(makeProgram("prefill"));
  package.programs.push_back(makeProgram("decode"));
  addWeights(package);
  package.kernels.push_back(std::make_unique<pkg::KernelT>());
  package.kernels[0]->name = "double_it";
  package.kernels[0]->operand_bytes = {48, 32};
  package.kernels[0]->probe = std::make_unique<pkg::ProbeT>();
  package.kernels[0]->probe->scalars = {7, 3};
  package.kernels[0]->probe->rows_scalar = 1;
  package.kernels[0]->probe->launch = 1;
  package.kernels[0]->probe->tokens_per_row = 2;
  package.kernels[0]->probe->most_tokens = 8;
  package.objects.push_back(std::make_unique<pkg::KernelObjectT>());
  package.objects[0]->triple = "x86_64-unknown-linux-gnu";
  package.objects[0]->features = {"+sse2"};
  package.objects[0]->image = {1, 2, 3};
  return package;
}

} // namespace weft::test
