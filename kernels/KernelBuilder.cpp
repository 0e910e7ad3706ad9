#include "kernels/KernelBuilder.h"

#include "dialects/rv/Rv.h"

#include <bit>
#include <fmt/format.h>

using namespace mlir;

namespace weft::kernels {

Kind kindOf(Element element) {
  switch (element) {
  case Element::F32:
    return Kind::F32;
  case Element::F16:
    return Kind::F16;
  case Element::BF16:
    return Kind::BF16;
  }
  llvm_unreachable("not an Element");
}

int64_t bytesOf(Element element) { return element == Element::F32 ? 4 : 2; }

std::string_view nameOf(Element element) {
  switch (element) {
  case Element::F32:
    return "f32";
  case Element::F16:
    return "f16";
  case Element::BF16:
    return "bf16";
  }
  llvm_unreachable("not an Element");
}

std::string symbol(std::string_view kind, std::initializer_list<std::pair<std::string_view, int64_t>> extents) {
  std::string name(kind);
  for (const auto &[key, value] : extents)
    name += fmt::format("_{}{}", key, value);
  return name;
}

std::string bitsOf(double value) { return fmt::format("{:016x}", std::bit_cast<uint64_t>(value)); }

// ---- KernelBody -----------------------------------------------------------------------------------------------

KernelBody::KernelBody(func::FuncOp function, unsigned bufferCount)
    : ImplicitLocOpBuilder(function.getLoc(), function.getContext()), bufferCount(bufferCount) {
  Block *entry = function.addEntryBlock();
  llvm::append_range(arguments, entry->getArguments());
  setInsertionPointToEnd(entry);
}

Value KernelBody::constant(int64_t value) { return create<arith::ConstantIndexOp>(value); }
Value KernelBody::real(double value) { return create<arith::ConstantOp>(getF32FloatAttr(static_cast<float>(value))); }
Value KernelBody::add(Value a, Value b) { return create<arith::AddIOp>(a, b); }
Value KernelBody::sub(Value a, Value b) { return create<arith::SubIOp>(a, b); }
Value KernelBody::mul(Value a, int64_t b) { return create<arith::MulIOp>(a, constant(b)); }
Value KernelBody::div(Value a, int64_t b) { return create<arith::DivUIOp>(a, constant(b)); }
Value KernelBody::rem(Value a, int64_t b) { return create<arith::RemUIOp>(a, constant(b)); }
Value KernelBody::min(Value a, Value b) { return create<arith::MinSIOp>(a, b); }
Value KernelBody::clamp(Value a, Value high) { return create<arith::MaxSIOp>(min(a, high), constant(0)); }
Value KernelBody::less(Value a, Value b) { return create<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b); }
Value KernelBody::equal(Value a, Value b) { return create<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b); }
Value KernelBody::select(Value condition, Value a, Value b) { return create<arith::SelectOp>(condition, a, b); }

Value KernelBody::head(Value memref, Value count) {
  SmallVector<OpFoldResult> counts;
  for (int64_t extent : cast<MemRefType>(memref.getType()).getShape())
    counts.push_back(fixed(extent));
  counts[0] = count;
  return corner(memref, counts);
}

Value KernelBody::corner(Value memref, ArrayRef<OpFoldResult> counts) {
  SmallVector<OpFoldResult> offsets(counts.size(), fixed(0)), strides(counts.size(), fixed(1));
  return create<memref::SubViewOp>(memref, offsets, counts, strides);
}

Value KernelBody::row(Value memref, Value i) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t width = type.getDimSize(1);
  auto result =
      memref::SubViewOp::inferRankReducedResultType({width}, type, {ShapedType::kDynamic, 0}, {1, width}, {1, 1});
  return create<memref::SubViewOp>(cast<MemRefType>(result), memref, ArrayRef<OpFoldResult>{i, fixed(0)},
                                   ArrayRef<OpFoldResult>{fixed(1), fixed(width)},
                                   ArrayRef<OpFoldResult>{fixed(1), fixed(1)});
}

Value KernelBody::view(Value memref, OpFoldResult offset, ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> strides) {
  SmallVector<int64_t> staticSizes;
  SmallVector<Value> dynamicSizes;
  dispatchIndexOpFoldResults(sizes, dynamicSizes, staticSizes);
  SmallVector<int64_t> staticOffset;
  SmallVector<Value> dynamicOffset;
  dispatchIndexOpFoldResults(offset, dynamicOffset, staticOffset);
  auto layout = StridedLayoutAttr::get(getContext(), staticOffset[0], strides);
  auto type = MemRefType::get(staticSizes, cast<MemRefType>(memref.getType()).getElementType(), layout);
  SmallVector<OpFoldResult> strideValues;
  for (int64_t stride : strides)
    strideValues.push_back(fixed(stride));
  return create<memref::ReinterpretCastOp>(type, memref, offset, sizes, strideValues);
}

void KernelBody::structured(std::string_view iterators, ArrayRef<Indexed> inputs, ArrayRef<Indexed> outputs,
                            ElementsFn element) {
  SmallVector<utils::IteratorType> kinds;
  for (char kind : iterators)
    kinds.push_back(kind == 'p' ? utils::IteratorType::parallel : utils::IteratorType::reduction);
  SmallVector<AffineMap> maps;
  SmallVector<Value> ins, outs;
  auto take = [&](const Indexed &operand, SmallVector<Value> &to) {
    to.push_back(operand.memref);
    SmallVector<AffineExpr> results;
    for (unsigned loop : operand.loops)
      results.push_back(getAffineDimExpr(loop));
    maps.push_back(AffineMap::get(kinds.size(), 0, results, getContext()));
  };
  for (const Indexed &input : inputs)
    take(input, ins);
  for (const Indexed &output : outputs)
    take(output, outs);
  create<linalg::GenericOp>(ins, outs, maps, kinds, [&](OpBuilder &nested, Location, ValueRange values) {
    InsertionGuard guard(*this);
    restoreInsertionPoint(nested.saveInsertionPoint());
    create<linalg::YieldOp>(element(*this, values));
  });
}

void KernelBody::generic(std::string_view iterators, ArrayRef<Indexed> inputs, const Indexed &output,
                         ElementFn element) {
  structured(iterators, inputs, {output},
             [&](KernelBody &body, ValueRange values) { return SmallVector<Value>{element(body, values)}; });
}

void KernelBody::fill(Value memref, double value) {
  create<linalg::FillOp>(ValueRange{real(value)}, ValueRange{memref});
}
void KernelBody::copy(Value from, Value to) { create<linalg::CopyOp>(ValueRange{from}, ValueRange{to}); }

void KernelBody::forEach(Value count, IndexFn body) {
  auto loop = create<scf::ForOp>(constant(0), count, constant(1));
  InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void KernelBody::when(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise) {
  auto branch = create<scf::IfOp>(condition, /*withElseRegion=*/static_cast<bool>(otherwise));
  InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

// ---- tokens over ranks ----------------------------------------------------------------------------------------

TokenRuns::TokenRuns(KernelBody &body, Value n, int64_t ranks) : body(body) {
  quotient = body.div(n, ranks);
  firstLonger = body.sub(body.constant(ranks), body.rem(n, ranks));
}

Value TokenRuns::start(Value rank) {
  Value longer = body.create<arith::MaxSIOp>(body.sub(rank, firstLonger), body.constant(0));
  return body.add(body.create<arith::MulIOp>(rank, quotient), longer);
}

Value TokenRuns::hasExtra(Value rank) {
  return body.create<arith::CmpIOp>(arith::CmpIPredicate::sge, rank, firstLonger);
}

Value TokenRuns::count(Value rank) {
  return body.add(quotient, body.select(hasExtra(rank), body.constant(1), body.constant(0)));
}

// ---- columns over cores ---------------------------------------------------------------------------------------

void forColumns(KernelBody &body, const RowShare &share, Value rank, llvm::function_ref<void(int64_t)> write) {
  int64_t rest = share.extent % share.n;
  Value fullCores = body.constant(share.extent / share.n);
  body.when(
      body.less(rank, fullCores), [&] { write(share.n); },
      [&] {
        if (rest == 0)
          return write(0);
        body.when(body.equal(rank, fullCores), [&] { write(rest); }, [&] { write(0); });
      });
}

Value launchWord(KernelBody &body, Value launch, Value position) {
  Value word = body.create<memref::LoadOp>(launch, ValueRange{position});
  return body.create<arith::IndexCastOp>(body.getIndexType(), word);
}

Value launchCount(KernelBody &body, Value launch) { return launchWord(body, launch, body.constant(0)); }

// ---- the function ---------------------------------------------------------------------------------------------

static MemRefType typeOf(MLIRContext *context, const BufferSpec &spec) {
  Builder builder(context);
  Type element;
  switch (spec.kind) {
  case Kind::F32:
    element = builder.getF32Type();
    break;
  case Kind::F16:
    element = builder.getF16Type();
    break;
  case Kind::BF16:
    element = builder.getBF16Type();
    break;
  case Kind::I32:
    element = builder.getI32Type();
    break;
  case Kind::I8:
    element = builder.getI8Type();
    break;
  }
  return MemRefType::get(spec.extents, element);
}

static void defineWith(ModuleOp module, const std::string &name, SmallVector<Type> inputs, unsigned scalars,
                       llvm::function_ref<void(KernelBody &)> write) {
  MLIRContext *context = module.getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect,
                       memref::MemRefDialect, rv::RvDialect, scf::SCFDialect>();
  unsigned buffers = inputs.size();
  inputs.append(scalars, IndexType::get(context));
  OpBuilder builder(context);
  builder.setInsertionPointToEnd(module.getBody());
  auto location = NameLoc::get(builder.getStringAttr(name));
  auto function = builder.create<func::FuncOp>(location, name, builder.getFunctionType(inputs, {}));
  function->setAttr("weft.kernel", builder.getUnitAttr());
  KernelBody body(function, buffers);
  write(body);
  body.create<func::ReturnOp>();
}

void define(ModuleOp module, const std::string &name, ArrayRef<BufferSpec> buffers, unsigned scalars,
            llvm::function_ref<void(KernelBody &)> write) {
  if (module.lookupSymbol(name))
    return;
  SmallVector<Type> inputs;
  for (const BufferSpec &spec : buffers)
    inputs.push_back(typeOf(module.getContext(), spec));
  defineWith(module, name, std::move(inputs), scalars, write);
}

void defineOn(ModuleOp module, const std::string &name, Type element, ArrayRef<SmallVector<int64_t, 4>> buffers,
              unsigned scalars, llvm::function_ref<void(KernelBody &)> write) {
  if (module.lookupSymbol(name))
    return;
  SmallVector<Type> inputs;
  for (ArrayRef<int64_t> extents : buffers)
    inputs.push_back(MemRefType::get(extents, element));
  defineWith(module, name, std::move(inputs), scalars, write);
}

// ---- how its cost is measured -----------------------------------------------------------------------------------

static constexpr const char *probeName = "weft.probe";

void setProbe(ModuleOp module, const std::string &name, const Probe &probe) {
  Builder builder(module.getContext());
  module.lookupSymbol(name)->setAttr(
      probeName, builder.getDictionaryAttr({
                     builder.getNamedAttr("scalars", builder.getDenseI64ArrayAttr(probe.scalars)),
                     builder.getNamedAttr("rows", builder.getI64IntegerAttr(probe.rows)),
                     builder.getNamedAttr("launch", builder.getI64IntegerAttr(probe.launch)),
                     builder.getNamedAttr("tokens_per_row", builder.getI64IntegerAttr(probe.tokensPerRow)),
                     builder.getNamedAttr("most_tokens", builder.getI64IntegerAttr(probe.mostTokens)),
                     builder.getNamedAttr("id", builder.getI64IntegerAttr(probe.id)),
                     builder.getNamedAttr("ids", builder.getI64IntegerAttr(probe.ids)),
                     builder.getNamedAttr("id_step", builder.getI64IntegerAttr(probe.idStep)),
                 }));
}

Probe probeOf(func::FuncOp kernel) {
  Probe probe;
  if (auto stated = kernel->getAttrOfType<DictionaryAttr>(probeName)) {
    auto number = [&](StringRef key) { return stated.getAs<IntegerAttr>(key).getInt(); };
    llvm::append_range(probe.scalars, stated.getAs<DenseI64ArrayAttr>("scalars").asArrayRef());
    probe.rows = number("rows");
    probe.launch = number("launch");
    probe.tokensPerRow = number("tokens_per_row");
    probe.mostTokens = number("most_tokens");
    probe.id = number("id");
    probe.ids = number("ids");
    probe.idStep = number("id_step");
    return probe;
  }
  probe.scalars.assign(llvm::count_if(kernel.getArgumentTypes(), [](Type type) { return type.isIndex(); }), 0);
  if (probe.scalars.empty())
    probe.rows = Probe::noRows;
  return probe;
}

} // namespace weft::kernels
