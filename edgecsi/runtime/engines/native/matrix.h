// Products with constant matrices, in FP32 or with BF16 factors and FP32 sums.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "simd.h"

namespace edgecsi {

// A precision says how numbers are stored (`depth` of them are multiplied and added at once) and multiplied.
struct Fp32 {
    using Number = float;
    static constexpr int depth = 1;

    static Number number(float value) { return value; }
    static void store(Number* to, Lanes value) { edgecsi::store(to, value); }
    static Lanes columns(const Number* from) { return _mm512_loadu_ps(from); }
    static Lanes broadcast(const Number* from) { return _mm512_set1_ps(*from); }
    static Lanes multiply_add(Lanes a, Lanes b, Lanes sum) { return _mm512_fmadd_ps(a, b, sum); }
};

struct Bf16 {
    using Number = std::uint16_t;
    static constexpr int depth = 2;

    static Number number(float value) {
        std::uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        return static_cast<Number>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);  // to the nearest, ties to even
    }
    static void store(Number* to, Lanes value) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(value));
    }
    static __m512bh columns(const Number* from) { return (__m512bh)_mm512_loadu_si512(from); }
    static __m512bh broadcast(const Number* from) {
        std::int32_t pair;
        std::memcpy(&pair, from, sizeof pair);
        return (__m512bh)_mm512_set1_epi32(pair);
    }
    static Lanes multiply_add(__m512bh a, __m512bh b, Lanes sum) { return _mm512_dpbf16_ps(sum, a, b); }
};

constexpr int PANEL = 4 * LANES;  // columns of a matrix that are computed together
constexpr int BLOCK = 6;          // rows: 24 sums and what they need fit the 32 registers

// Constant [rows, columns] as the product reads it: panel by panel, [rows/depth, PANEL, depth]; zeros at the end.
template <class Precision>
class Matrix {
   public:
    Matrix(const float* values, int rows, int columns)
        : rows(rows), columns(columns), packed(static_cast<std::size_t>(rows) * padded(columns, PANEL)) {
        for (int r = 0; r < rows; ++r) {
            for (int c = 0; c < columns; ++c) {
                const std::size_t panel = static_cast<std::size_t>(c / PANEL) * rows * PANEL;
                const int line = r / depth * PANEL + c % PANEL;
                packed[panel + line * depth + r % depth] =
                    Precision::number(values[static_cast<std::size_t>(r) * columns + c]);
            }
        }
    }

    // For every row m of `a` [count, rows], `stride` numbers apart: put(m, c, lanes) gets columns c to c+15 of
    // the product; columns beyond the last are zero.
    template <class Put>
    void multiply(const typename Precision::Number* a, int stride, int count, Put put) const {
        const typename Precision::Number* panel = packed.data();
        for (int c = 0; c < columns; c += PANEL, panel += static_cast<std::size_t>(rows) * PANEL) {
            for (int m = 0, left = count; left > 0;) {
                const int blocks = (left + BLOCK - 1) / BLOCK, size = (left + blocks - 1) / blocks;
                const typename Precision::Number* first = a + static_cast<std::size_t>(m) * stride;
                switch (size) {
                    case 6: block<6>(first, stride, panel, m, c, put); break;
                    case 5: block<5>(first, stride, panel, m, c, put); break;
                    case 4: block<4>(first, stride, panel, m, c, put); break;
                    case 3: block<3>(first, stride, panel, m, c, put); break;
                    case 2: block<2>(first, stride, panel, m, c, put); break;
                    default: block<1>(first, stride, panel, m, c, put);
                }
                m += size;
                left -= size;
            }
        }
    }

   private:
    static constexpr int depth = Precision::depth;

    template <int SIZE, class Put>
    void block(const typename Precision::Number* a, int stride, const typename Precision::Number* panel, int m,
               int c, Put& put) const {
        Lanes sum[SIZE][4];
        for (auto& row : sum)
            for (auto& lanes : row) lanes = _mm512_setzero_ps();
        for (int r = 0; r < rows; r += depth, panel += PANEL * depth) {
            const auto p0 = Precision::columns(panel), p1 = Precision::columns(panel + LANES * depth),
                       p2 = Precision::columns(panel + 2 * LANES * depth),
                       p3 = Precision::columns(panel + 3 * LANES * depth);
#pragma GCC unroll 8
            for (int i = 0; i < SIZE; ++i) {
                const auto x = Precision::broadcast(a + static_cast<std::size_t>(i) * stride + r);
                sum[i][0] = Precision::multiply_add(x, p0, sum[i][0]);
                sum[i][1] = Precision::multiply_add(x, p1, sum[i][1]);
                sum[i][2] = Precision::multiply_add(x, p2, sum[i][2]);
                sum[i][3] = Precision::multiply_add(x, p3, sum[i][3]);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < SIZE; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) put(m + i, c + LANES * j, sum[i][j]);
    }

    int rows, columns;
    std::vector<typename Precision::Number> packed;
};

}  // namespace edgecsi
