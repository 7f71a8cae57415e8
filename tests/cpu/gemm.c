/* A product of matrices in tiles, for tests/cpu/test_cachegrind.py. */
#include <stdio.h>

#define N 96
#define TILE 16

static double a[N][N], b[N][N], c[N][N];

int main(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = i + j;
            b[i][j] = i - j;
        }
    for (int ii = 0; ii < N; ii += TILE)
        for (int jj = 0; jj < N; jj += TILE)
            for (int kk = 0; kk < N; kk += TILE)
                for (int i = ii; i < ii + TILE; i++)
                    for (int j = jj; j < jj + TILE; j++) {
                        double sum = c[i][j];
                        for (int k = kk; k < kk + TILE; k++)
                            sum += a[i][k] * b[k][j];
                        c[i][j] = sum;
                    }
    printf("%g\n", c[N - 1][N - 1]);
    return 0;
}
