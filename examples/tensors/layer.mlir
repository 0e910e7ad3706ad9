// One layer, relu(x · w + b), as linalg on tensors: four rows of eight numbers become four rows of six.
func.func @main(%x: tensor<4x8xf32> {xf.name = "x"}, %w: tensor<8x6xf32> {xf.name = "w"},
                %b: tensor<6xf32> {xf.name = "b"}) -> (tensor<4x6xf32> {xf.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x6xf32>
  %start = linalg.broadcast ins(%b : tensor<6xf32>) outs(%empty : tensor<4x6xf32>) dimensions = [0]
  %sums = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%start : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.map ins(%sums : tensor<4x6xf32>) outs(%empty : tensor<4x6xf32>) (%value: f32) {
    %positive = arith.maximumf %value, %zero : f32
    linalg.yield %positive : f32
  }
  return %y : tensor<4x6xf32>
}
