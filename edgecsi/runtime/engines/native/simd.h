// Sixteen floats at a time: AVX-512 registers, and the two functions that the network needs of them.
#pragma once

#include <immintrin.h>

#include <cstddef>

#include "layout.h"

namespace edgecsi {

using Lanes = __m512;

inline Lanes all(float value) { return _mm512_set1_ps(value); }
inline Lanes load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Lanes value) { _mm512_storeu_ps(to, value); }
inline __mmask16 first(int count) { return static_cast<__mmask16>((1u << count) - 1u); }

inline int padded(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

// e^x for x <= 0, to 2 ulp: Cephes' expf. e^-87 is the smallest that it gives.
inline Lanes exp(Lanes x) {
    x = _mm512_max_ps(x, all(-87.0f));
    const Lanes n = _mm512_roundscale_ps(_mm512_mul_ps(x, all(1.44269504f)), _MM_FROUND_TO_NEAREST_INT);
    Lanes r = _mm512_fnmadd_ps(n, all(0.693359375f), x);  // ln 2 in two parts
    r = _mm512_fnmadd_ps(n, all(-2.12194440e-4f), r);
    Lanes p = all(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, all(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, all(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, all(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, all(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, all(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, all(1.0f)));
    return _mm512_scalef_ps(p, n);
}

// x Phi(x) with the exact normal distribution, to 1e-7: Abramowitz & Stegun 7.1.26.
inline Lanes gelu(Lanes x) {
    const Lanes z = _mm512_mul_ps(_mm512_abs_ps(x), all(0.70710678f));
    const Lanes t = _mm512_div_ps(all(1.0f), _mm512_fmadd_ps(z, all(0.3275911f), all(1.0f)));
    Lanes p = all(1.061405429f);
    p = _mm512_fmadd_ps(p, t, all(-1.453152027f));
    p = _mm512_fmadd_ps(p, t, all(1.421413741f));
    p = _mm512_fmadd_ps(p, t, all(-0.284496736f));
    p = _mm512_fmadd_ps(p, t, all(0.254829592f));
    const Lanes bell = exp(_mm512_mul_ps(z, _mm512_sub_ps(_mm512_setzero_ps(), z)));
    const Lanes tail = _mm512_mul_ps(_mm512_mul_ps(_mm512_mul_ps(p, t), bell), all(0.5f));  // Phi(-|x|)
    const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mul_ps(x, _mm512_mask_blend_ps(negative, _mm512_sub_ps(all(1.0f), tail), tail));
}

// Rows become columns.
inline void transpose(Lanes (&r)[LANES]) {
    __m512 t[LANES];
    for (int i = 0; i < LANES; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < LANES; i += 4) {
        for (int j = 0; j < 2; ++j) {
            r[i + 2 * j] = _mm512_shuffle_ps(t[i + j], t[i + j + 2], 0x44);
            r[i + 2 * j + 1] = _mm512_shuffle_ps(t[i + j], t[i + j + 2], 0xEE);
        }
    }
    for (int i = 0; i < 4; ++i) {  // r[4*q + i] holds lanes i, 4+i, 8+i and 12+i of rows 4*q...4*q+3
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xDD);
        r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xDD);
    }
}

}  // namespace edgecsi
