// The `rv` dialect: with what a core computes. Only what LLVM's RISC-V backend does not give.
#ifndef WEFT_RV_OPS
#define WEFT_RV_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Rv_Dialect : Dialect {
  let name = "rv";
  let cppNamespace = "::weft::rv";
  let summary = "machine operations of a RISC-V vector core that LLVM does not form by itself";
}

class Rv_Op<string mnemonic, list<Trait> traits = []> : Op<Rv_Dialect, mnemonic, traits>;

def Rv_WideningFmaOp : Rv_Op<"widening_fma", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "acc + scalar * widen(narrow), rounded once";
  let description = [{
    Widens each element of `narrow` exactly to f32, multiplies it by `scalar` and adds `acc`, with one rounding (to nearest,
    ties to even). With a scalar as narrow as the vector this is `vfwmacc.vf` (f16, Zvfh) or `vfwmaccbf16.vf` (Zvfbfwma); a scalar
    of f32 needs a core with a mixed unit. A target without such an instruction widens and uses a plain fused multiply-add; the
    bits are the same.

    ```mlir
    %r = rv.widening_fma %acc, %a, %w : vector<8xf32>, f32, vector<8xbf16>
    %s = rv.widening_fma %acc, %b, %w : vector<8xf32>, bf16, vector<8xbf16>
    ```

    Constraints:
    * R1: `acc` is a vector of rank 1 of f32.
    * R2: `narrow` is a vector of rank 1 of bf16 or f16.
    * R3: `acc` and `narrow` have the same length, both fixed or both scalable.
    * R4: `scalar` is an f32 or of the element type of `narrow`.
  }];
  let arguments = (ins AnyVectorOfAnyRank:$acc, AnyFloat:$scalar, AnyVectorOfAnyRank:$narrow);
  let results = (outs AnyVectorOfAnyRank:$result);
  let assemblyFormat = "$acc `,` $scalar `,` $narrow attr-dict `:` type($acc) `,` type($scalar) `,` type($narrow)";
  let hasVerifier = 1;
}

def Rv_Dot4Op : Rv_Op<"dot4", [Pure, SameOperandsAndResultType, Elementwise, Scalarizable, Vectorizable, Tensorizable]> {
  let summary = "acc + the sum of four products of signed bytes";
  let description = [{
    Each word of `a` and `b` holds four signed bytes. Their four products are added to `acc`, exact modulo 2^32. A core with
    the unit `dot` has an instruction for it; elsewhere it is shifts and multiplications.

    ```mlir
    %r = rv.dot4 %acc, %a, %b : vector<8xi32>
    ```

    Constraints:
    * R5: operands are i32 or vectors of it.
  }];
  let arguments = (ins SignlessIntegerLike:$acc, SignlessIntegerLike:$a, SignlessIntegerLike:$b);
  let results = (outs SignlessIntegerLike:$result);
  let assemblyFormat = "$acc `,` $a `,` $b attr-dict `:` type($result)";
  let hasVerifier = 1;
}

// One for each instruction of a custom unit.
include "kernels/units/UnitOps.td"

#endif
