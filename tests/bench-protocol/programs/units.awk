# Writes a C program of many units into a folder: types of a common header, functions with loops, branches and calls.
# usage: awk -v folder=FOLDER -v units=NUMBER -f units.awk
function pointer_type(function_number, unit) { return (function_number * 7 + unit) % 10 }

BEGIN {
    header = folder "/types.h"
    print "typedef unsigned char byte;\ntypedef unsigned int word;" > header
    for (type = 0; type < 48; type++) {
        printf "enum kind_%d { ", type > header
        for (kind = 0; kind < 6; kind++) printf "KIND_%d_%d, ", type, kind > header
        print "};" > header
        inner = type ? sprintf("struct record_%d *inner; struct record_%d kept;", type - 1, int(type / 2)) : "int last;"
        printf "struct record_%d { int count; word mask; enum kind_%d kind; byte name[%d]; double weight; struct record_%d *next; %s };\n",
            type, type, type + 1, type, inner > header
    }
    for (unit = 0; unit < units; unit++) {
        file = sprintf("%s/unit_%d.c", folder, unit)
        print "#include \"types.h\"" > file
        printf "static struct record_%d table_of_unit_%d[4];\n", unit % 6, unit > file
        for (number = 0; number < 60; number++) {
            type = pointer_type(number, unit)
            printf "%sint function_%d_of_unit_%d(struct record_%d *record, int amount, double scale)\n{\n",
                number % 2 ? "" : "static ", number, unit, type > file
            print "    int sum = amount + record->count;" > file
            printf "    word mask = record->mask ^ %du;\n", number * 37 + unit > file
            print "    double weight = record->weight * scale;" > file
            printf "    for (int at = 0; at < %d; at++) {\n        int step = record->name[at] * %d;\n", type + 1, number + 3 > file
            print "        sum += step;\n        if (sum & mask)\n            weight += step * 0.5;" > file
            print "        else\n            mask = (mask << 1) | (mask >> 31);\n    }" > file
            printf "    switch (record->kind) {\n    case KIND_%d_1:\n        sum -= (int)mask;\n        break;\n", type > file
            printf "    case KIND_%d_4:\n        sum ^= table_of_unit_%d[amount & 3].count;\n        break;\n", type, unit > file
            print "    default:\n        weight = -weight;\n    }" > file
            if (number >= 10)
                printf "    if (sum < 0)\n        sum = function_%d_of_unit_%d((struct record_%d *)record, sum + 1, weight);\n",
                    number - 10, unit, pointer_type(number - 10, unit) > file
            print "    record->weight = weight;\n    record->mask = mask;\n    return sum;\n}\n" > file
        }
        printf "int entry_of_unit_%d(int amount)\n{\n    int sum = 0;\n", unit > file
        for (number = 50; number < 60; number++) {
            printf "    struct record_%d record_%d = { .count = amount };\n", pointer_type(number, unit), number > file
            printf "    sum += function_%d_of_unit_%d(&record_%d, amount, 1.5);\n", number, unit, number > file
        }
        print "    return sum;\n}" > file
        close(file)
    }
    file = folder "/main.c"
    for (unit = 0; unit < units; unit++) printf "int entry_of_unit_%d(int);\n", unit > file
    print "static int (*const entries[])(int) = {" > file
    for (unit = 0; unit < units; unit++) printf "    entry_of_unit_%d,\n", unit > file
    print "};\n\nint main(int argc, char **argv)\n{\n    int sum = 0;" > file
    printf "    for (int at = 0; at < %d; at++)\n        sum += entries[at](argc + at);\n    return sum & 1;\n}\n", units > file
}
