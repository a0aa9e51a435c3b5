/* Frozen weights times few rows of x, as fast as memory gives the weights: float16, bfloat16, INT8, INT4.

   Rows of the weight are handed out to threads in strips, so that a strip is read from memory once for all rows of x.
   Halves are widened in registers. For integers x is rounded to 16 bits in blocks of its own largest value, and the
   sums of a block are exact: x = step * (256 * high + low), high and low in 8 bits, as the instructions take them.
   Shapes: T rows of x, O outputs, I inputs; I is a multiple of 128. */

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__AVX512BW__) && defined(__AVX512VNNI__)
#define VNNI 1
#else
#define VNNI 0
#endif

enum { BLOCK = 512, STRIP = 16, TOGETHER = 4 };

/* libgomp's GOMP_parallel: the threads that torch computes with, which would otherwise wait beside ours */
typedef void parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags);

struct job {
    const uint8_t *weight;
    const float *scale, *bias, *x;
    float *out;
    long rows, outputs, inputs, row_bytes, next;
    void (*dots)(const struct job *, const uint8_t *weight, long rows, long t, float *sums);
    /* of x, where the weights are integers: */
    long blocks;
    float *step;
    int8_t *high, *low;
    int32_t *start;
    int16_t *both;
};

static void work(void *data) {
    struct job *job = data;
    for (;;) {
        long first = __atomic_fetch_add(&job->next, STRIP, __ATOMIC_RELAXED);
        if (first >= job->outputs) return;
        long last = first + STRIP < job->outputs ? first + STRIP : job->outputs;
        for (long t = 0; t < job->rows; t++)
            for (long o = first; o < last; o += TOGETHER) {
                long count = last - o < TOGETHER ? last - o : TOGETHER;
                float sums[TOGETHER];
                job->dots(job, job->weight + o * job->row_bytes, count, t, sums);
                for (long r = 0; r < count; r++) {
                    float sum = job->scale ? sums[r] * job->scale[o + r] : sums[r];
                    job->out[t * job->outputs + o + r] = job->bias ? sum + job->bias[o + r] : sum;
                }
            }
    }
}

static void run(parallel *threads_run, unsigned threads, struct job *job) {
    if (threads_run && threads > 1)
        threads_run(work, job, threads, 0);
    else
        work(job);
}

#define INLINE static inline __attribute__((always_inline))
#define DOTS(name, one)                                                                                        \
    static void name(const struct job *job, const uint8_t *weight, long rows, long t, float *sums) {           \
        if (rows == TOGETHER)                                                                                  \
            one(TOGETHER, job, weight, t, sums);                                                               \
        else                                                                                                   \
            for (long r = 0; r < rows; r++) one(1, job, weight + r * job->row_bytes, t, sums + r);             \
    }

/* halves */

#if defined(__AVX512F__)
typedef __m512 vector;
enum { LANES = 16 };
#define ZERO _mm512_setzero_ps()
#define LOAD(p) _mm512_loadu_ps(p)
#define FMA _mm512_fmadd_ps
#define WIDE16(p) _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p)))
#define WIDEB16(p) \
    _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(p))), 16))
#define SUM(v) _mm512_reduce_add_ps(v)
#else
typedef __m256 vector;
enum { LANES = 8 };
#define ZERO _mm256_setzero_ps()
#define LOAD(p) _mm256_loadu_ps(p)
#define FMA _mm256_fmadd_ps
#define WIDE16(p) _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p)))
#define WIDEB16(p) \
    _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(p))), 16))
static float SUM(__m256 v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}
#endif

#define HALF(name, WIDE)                                                                                       \
    INLINE void name##_one(const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {   \
        const float *x = job->x + t * job->inputs;                                                             \
        vector a[TOGETHER], b[TOGETHER];                                                                       \
        for (int r = 0; r < n; r++) a[r] = b[r] = ZERO;                                                        \
        for (long i = 0; i < job->inputs; i += 2 * LANES) {                                                    \
            vector x0 = LOAD(x + i), x1 = LOAD(x + i + LANES);                                                 \
            for (int r = 0; r < n; r++) {                                                                      \
                const uint8_t *w = weight + r * job->row_bytes + 2 * i;                                        \
                a[r] = FMA(WIDE(w), x0, a[r]);                                                                 \
                b[r] = FMA(WIDE(w + 2 * LANES), x1, b[r]);                                                     \
            }                                                                                                  \
        }                                                                                                      \
        for (int r = 0; r < n; r++) sums[r] = SUM(a[r]) + SUM(b[r]);                                           \
    }                                                                                                          \
    DOTS(name, name##_one)

HALF(float16_dots, WIDE16)
HALF(bfloat16_dots, WIDEB16)

/* integers */

/* The places of x in the order in which the weight's bytes hold them: of INT4, each block's even ones, then the odd. */
INLINE long place(int bits, long i, long inputs) {
    if (bits == 8) return i;
    long block = i / BLOCK * BLOCK, size = inputs - block < BLOCK ? inputs - block : BLOCK;
    return block + (i & 1) * (size / 2) + (i - block) / 2;
}

static float step_of(const float *x, long size) {
    float largest = 0, poison = 0;
    for (long i = 0; i < size; i++) {
        float value = fabsf(x[i]);
        largest = value > largest ? value : largest;
        poison += x[i] * 0; /* NaN where x is NaN or infinite, and then so is the result */
    }
    return largest / 32512 + poison;
}

static void round_x(const struct job *job, int bits) {
    for (long t = 0; t < job->rows; t++)
        for (long b = 0; b < job->blocks; b++) {
            long from = b * BLOCK, to = from + BLOCK < job->inputs ? from + BLOCK : job->inputs;
            const float *x = job->x + t * job->inputs;
            float step = step_of(x + from, to - from), inverse = step > 0 ? 1 / step : 0;
            job->step[t * job->blocks + b] = step;
            for (long i = from; i < to; i++) {
                int value = (int)lrintf(x[i] * inverse);
                long at = t * job->inputs + place(bits, i, job->inputs);
#if VNNI
                job->low[at] = (int8_t)value;
                job->high[at] = (int8_t)((value - (int8_t)value) >> 8);
#else
                job->both[at] = (int16_t)value;
#endif
            }
        }
}

#if VNNI
/* The instruction multiplies unsigned by signed bytes. So weights are raised by 8 (or 128), and each lane's sum starts
   below zero by what that adds to it. */
static void round_starts(const struct job *job, int raised) {
    const __m512i ones = _mm512_set1_epi8(1);
    for (long t = 0; t < job->rows; t++)
        for (long b = 0; b < job->blocks; b++) {
            long from = b * BLOCK, to = from + BLOCK < job->inputs ? from + BLOCK : job->inputs;
            __m512i high = _mm512_setzero_si512(), low = high;
            for (long i = t * job->inputs + from; i < t * job->inputs + to; i += 64) {
                high = _mm512_dpbusd_epi32(high, ones, _mm512_loadu_si512(job->high + i));
                low = _mm512_dpbusd_epi32(low, ones, _mm512_loadu_si512(job->low + i));
            }
            __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high, 8), low);
            sum = _mm512_mullo_epi32(sum, _mm512_set1_epi32(-raised));
            _mm512_storeu_si512(job->start + 16 * (t * job->blocks + b), sum);
        }
}

INLINE void int8_one(const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    const __m512i raise = _mm512_set1_epi8((char)0x80);
    __m512 sum[TOGETHER];
    for (int r = 0; r < n; r++) sum[r] = _mm512_setzero_ps();
    for (long b = 0; b < job->blocks; b++) {
        long from = b * BLOCK, to = from + BLOCK < job->inputs ? from + BLOCK : job->inputs;
        __m512i high[TOGETHER], low[TOGETHER];
        for (int r = 0; r < n; r++) {
            high[r] = _mm512_setzero_si512();
            low[r] = _mm512_loadu_si512(job->start + 16 * (t * job->blocks + b));
        }
        for (long i = from; i < to; i += 64) {
            __m512i h = _mm512_loadu_si512(job->high + t * job->inputs + i);
            __m512i l = _mm512_loadu_si512(job->low + t * job->inputs + i);
            for (int r = 0; r < n; r++) {
                __m512i w = _mm512_xor_si512(_mm512_loadu_si512(weight + r * job->row_bytes + i), raise);
                high[r] = _mm512_dpbusd_epi32(high[r], w, h);
                low[r] = _mm512_dpbusd_epi32(low[r], w, l);
            }
        }
        __m512 step = _mm512_set1_ps(job->step[t * job->blocks + b]);
        for (int r = 0; r < n; r++) {
            __m512i all = _mm512_add_epi32(_mm512_slli_epi32(high[r], 8), low[r]);
            sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(all), step, sum[r]);
        }
    }
    for (int r = 0; r < n; r++) sums[r] = _mm512_reduce_add_ps(sum[r]);
}

INLINE void int4_one(const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    const __m512i raise = _mm512_set1_epi8(0x08), nibble = _mm512_set1_epi8(0x0f);
    __m512 sum[TOGETHER];
    for (int r = 0; r < n; r++) sum[r] = _mm512_setzero_ps();
    for (long b = 0; b < job->blocks; b++) {
        long from = b * BLOCK, size = job->inputs - from < BLOCK ? job->inputs - from : BLOCK;
        const int8_t *highs = job->high + t * job->inputs + from, *lows = job->low + t * job->inputs + from;
        __m512i high[TOGETHER], low[TOGETHER];
        for (int r = 0; r < n; r++) {
            high[r] = _mm512_setzero_si512();
            low[r] = _mm512_loadu_si512(job->start + 16 * (t * job->blocks + b));
        }
        for (long i = 0; i < size / 2; i += 64) {
            __m512i even_h = _mm512_loadu_si512(highs + i), odd_h = _mm512_loadu_si512(highs + size / 2 + i);
            __m512i even_l = _mm512_loadu_si512(lows + i), odd_l = _mm512_loadu_si512(lows + size / 2 + i);
            for (int r = 0; r < n; r++) {
                __m512i w = _mm512_loadu_si512(weight + r * job->row_bytes + from / 2 + i);
                /* (w ^ 8) & 15, in one instruction */
                __m512i even = _mm512_ternarylogic_epi32(_mm512_srli_epi16(w, 4), raise, nibble, 0x28);
                __m512i odd = _mm512_ternarylogic_epi32(w, raise, nibble, 0x28);
                high[r] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(high[r], even, even_h), odd, odd_h);
                low[r] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(low[r], even, even_l), odd, odd_l);
            }
        }
        __m512 step = _mm512_set1_ps(job->step[t * job->blocks + b]);
        for (int r = 0; r < n; r++) {
            __m512i all = _mm512_add_epi32(_mm512_slli_epi32(high[r], 8), low[r]);
            sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(all), step, sum[r]);
        }
    }
    for (int r = 0; r < n; r++) sums[r] = _mm512_reduce_add_ps(sum[r]);
}
#else
/* Without that instruction: bytes are widened to 16 bits, and the compiler finds the products of pairs. */
INLINE void plain(int bits, const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    for (int r = 0; r < n; r++) {
        const int8_t *w = (const int8_t *)(weight + r * job->row_bytes);
        sums[r] = 0;
        for (long b = 0; b < job->blocks; b++) {
            long from = b * BLOCK, size = job->inputs - from < BLOCK ? job->inputs - from : BLOCK;
            const int16_t *x = job->both + t * job->inputs + from;
            int16_t wide[BLOCK];
            int32_t sum = 0;
            if (bits == 8)
                for (long i = 0; i < size; i++) wide[i] = w[from + i];
            else
                for (long i = 0; i < size / 2; i++) {
                    wide[i] = w[from / 2 + i] >> 4;
                    wide[size / 2 + i] = (int16_t)((w[from / 2 + i] & 15) ^ 8) - 8;
                }
            for (long i = 0; i < size; i++) sum += wide[i] * x[i];
            sums[r] += (float)sum * job->step[t * job->blocks + b];
        }
    }
}
INLINE void int8_one(const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    plain(8, n, job, weight, t, sums);
}
INLINE void int4_one(const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    plain(4, n, job, weight, t, sums);
}
#endif

DOTS(int8_dots, int8_one)
DOTS(int4_dots, int4_one)

static char *cut(char **memory, long bytes) {
    char *part = *memory;
    *memory += (bytes + 63) / 64 * 64;
    return part;
}

/* out = x W' (+ bias), [T,O] float32; 0 on success, 1 where there is no memory. Where weights are integers, the row of
   an output times its scale is the weight. `kind`: 0 float16, 1 bfloat16, 4 INT4, 8 INT8. */
int rows(parallel *threads_run, unsigned threads, int kind, const uint8_t *weight, const float *scale,
         const float *bias, const float *x, float *out, long count, long outputs, long inputs) {
    struct job job = {.weight = weight, .scale = scale, .bias = bias, .x = x, .out = out, .rows = count};
    job.outputs = outputs, job.inputs = inputs, job.row_bytes = 2 * inputs;
    if (kind < 2) {
        job.dots = kind ? bfloat16_dots : float16_dots;
        run(threads_run, threads, &job);
        return 0;
    }
    job.dots = kind == 8 ? int8_dots : int4_dots, job.row_bytes = inputs * kind / 8;
    job.blocks = (inputs + BLOCK - 1) / BLOCK;
    long values = count * inputs, blocks = count * job.blocks;
    char *memory = aligned_alloc(64, (2 * values + 68 * blocks + 4 * 64 + 63) / 64 * 64), *rest = memory;
    if (!memory) return 1;
    job.step = (float *)cut(&rest, 4 * blocks), job.start = (int32_t *)cut(&rest, 64 * blocks);
    job.both = (int16_t *)rest, job.high = (int8_t *)cut(&rest, values), job.low = (int8_t *)rest;
    round_x(&job, kind);
#if VNNI
    round_starts(&job, kind == 8 ? 128 : 8);
#endif
    run(threads_run, threads, &job);
    free(memory);
    return 0;
}
