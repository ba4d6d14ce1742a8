// Layers without a constant matrix: normalisation and attention, in FP32.
#pragma once

#include <cmath>

#include "simd.h"

namespace edgecsi {

constexpr float NORM_EPSILON = 1e-5f;  // of PyTorch's LayerNorm
constexpr int MAX_TOKENS = 2 * LANES;  // keys of a query, in two registers
constexpr int QUERIES = 4;             // computed together

// LayerNorm over the last axis: x float [count, width] -> out [count, width].
template <class Precision>
void layer_norm(const float* x, int count, int width, const float* weight, const float* bias,
                typename Precision::Number* out) {
    for (int m = 0; m < count; ++m, x += width, out += width) {
        Lanes sum = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
        for (int i = 0; i < width; i += LANES) sum = _mm512_add_ps(sum, load(x + i));
        const Lanes mean = all(_mm512_reduce_add_ps(sum) / width);
        for (int i = 0; i < width; i += LANES) {
            const Lanes d = _mm512_sub_ps(load(x + i), mean);
            squares = _mm512_fmadd_ps(d, d, squares);
        }
        const Lanes scale = all(1.0f / std::sqrt(_mm512_reduce_add_ps(squares) / width + NORM_EPSILON));
        for (int i = 0; i < width; i += LANES) {
            const Lanes unit = _mm512_mul_ps(_mm512_sub_ps(load(x + i), mean), scale);
            Precision::store(out + i, _mm512_fmadd_ps(unit, load(weight + i), load(bias + i)));
        }
    }
}

// The keys of a head as columns: [tokens, channels], `stride` apart -> [channels, MAX_TOKENS].
inline void transpose_keys(const float* keys, int stride, int tokens, int channels, float* columns) {
    for (int first = 0; first < tokens; first += LANES) {
        for (int c = 0; c < channels; c += LANES) {
            Lanes rows[LANES];
            for (int i = 0; i < LANES; ++i)
                rows[i] = first + i < tokens ? load(keys + (first + i) * stride + c) : _mm512_setzero_ps();
            transpose(rows);
            for (int i = 0; i < LANES; ++i) store(columns + (c + i) * MAX_TOKENS + first, rows[i]);
        }
    }
}

// softmax over `tokens` of the two registers, times 1; the rest becomes zero.
inline void softmax(Lanes& low, Lanes& high, __mmask16 low_mask, __mmask16 high_mask, float scale) {
    const Lanes none = all(-INFINITY);
    low = _mm512_mask_mul_ps(none, low_mask, low, all(scale));
    high = _mm512_mask_mul_ps(none, high_mask, high, all(scale));
    const Lanes largest = all(_mm512_reduce_max_ps(_mm512_max_ps(low, high)));
    low = _mm512_maskz_mov_ps(low_mask, exp(_mm512_sub_ps(low, largest)));
    high = _mm512_maskz_mov_ps(high_mask, exp(_mm512_sub_ps(high, largest)));
    const Lanes inverse = all(1.0f / _mm512_reduce_add_ps(_mm512_add_ps(low, high)));
    low = _mm512_mul_ps(low, inverse);
    high = _mm512_mul_ps(high, inverse);
}

// Scaled dot-product attention of one row: qkv float [tokens, 3*width] (query, key, value; `heads` in each)
// -> out [tokens, width]. columns: room for width/heads * MAX_TOKENS floats.
template <class Precision>
void attention(const float* qkv, int tokens, int width, int heads, float* columns,
               typename Precision::Number* out) {
    const int channels = width / heads, stride = 3 * width;
    const float scale = 1.0f / std::sqrt(static_cast<float>(channels));
    const __mmask16 low = first(tokens < LANES ? tokens : LANES), high = first(tokens > LANES ? tokens - LANES : 0);
    for (int h = 0; h < heads; ++h) {
        const float *query = qkv + h * channels, *value = query + 2 * width;
        transpose_keys(query + width, stride, tokens, channels, columns);
        for (int q = 0; q < tokens; q += QUERIES) {
            const float* rows[QUERIES];  // the last ones again, where queries run out
            for (int i = 0; i < QUERIES; ++i) rows[i] = query + (q + i < tokens ? q + i : tokens - 1) * stride;
            Lanes score[QUERIES][2];
            for (auto& row : score) row[0] = row[1] = _mm512_setzero_ps();
            for (int c = 0; c < channels; ++c) {
                const Lanes k0 = load(columns + c * MAX_TOKENS), k1 = load(columns + c * MAX_TOKENS + LANES);
#pragma GCC unroll 4
                for (int i = 0; i < QUERIES; ++i) {
                    const Lanes x = all(rows[i][c]);
                    score[i][0] = _mm512_fmadd_ps(x, k0, score[i][0]);
                    score[i][1] = _mm512_fmadd_ps(x, k1, score[i][1]);
                }
            }
            alignas(64) float share[QUERIES][MAX_TOKENS];
#pragma GCC unroll 4
            for (int i = 0; i < QUERIES; ++i) {
                softmax(score[i][0], score[i][1], low, high, scale);
                store(share[i], score[i][0]);
                store(share[i] + LANES, score[i][1]);
            }
            const int valid = tokens - q < QUERIES ? tokens - q : QUERIES;
            for (int c = 0; c < channels; c += LANES) {
                Lanes mixed[QUERIES];
                for (auto& lanes : mixed) lanes = _mm512_setzero_ps();
                for (int t = 0; t < tokens; ++t) {
                    const Lanes v = load(value + t * stride + c);
#pragma GCC unroll 4
                    for (int i = 0; i < QUERIES; ++i) mixed[i] = _mm512_fmadd_ps(all(share[i][t]), v, mixed[i]);
                }
                for (int i = 0; i < valid; ++i) Precision::store(out + (q + i) * width + h * channels + c, mixed[i]);
            }
        }
    }
}

}  // namespace edgecsi
