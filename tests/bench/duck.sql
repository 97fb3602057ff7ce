-- What a text means, for DuckDB: plain_<type>(text), then value_<type>(plain). The names with a dollar are filled in.

create macro strip(t) as nullif(regexp_replace(t, '^$BLANK+|$BLANK+$', '', 'g'), '');
create macro bare(t) as regexp_replace(t, '$BLANK', '', 'g');
-- translate is dear, and few texts have anything to translate
create macro half(t) as
    strip(case when regexp_matches(t, '[\x{FF01}-\x{FF5E}\x{3000}\r\x{85}\x{2028}\x{2029}]') then translate(t, '$FULL', '$HALF') else t end);

create macro plain_text(t) as strip(t);
create macro value_text(p) as p;

create macro plain_address(t) as half(t);
create macro value_address(p) as bare(p);

create macro plain_person_name(t) as half(t);
create macro one_dot(p) as regexp_replace(bare(p), '[•．・‧･∙●.·]', '·', 'g');
create macro one_space(p) as regexp_replace(p, '$BLANK+', ' ', 'g');
create macro value_person_name(p) as case
    when regexp_matches(one_dot(p), '^$HAN(·$HAN)*$') then one_dot(p)
    when regexp_matches(one_space(p), '^[A-Za-z][A-Za-z .''-]*$') then one_space(p) end;

create macro day_in_id(x) as case when substr(x, 7, 1) <> '0'
    then try_cast(substr(x, 7, 4) || '-' || substr(x, 11, 2) || '-' || substr(x, 13, 2) as date) end;
create macro sex_in_id(x) as case (ascii(substr(x, 17, 1)) - 48) % 2 when 1 then '1' when 0 then '2' end;
create macro agrees(birth, x) as strftime(birth, '%Y%m%d') = substr(x, 7, 8);
create macro digit(x, i) as ascii(substr(x, i, 1)) - 48;
create macro checked(x) as x || substr('10X98765432', 1 + ((
    digit(x, 1) * 7 + digit(x, 2) * 9 + digit(x, 3) * 10 + digit(x, 4) * 5 + digit(x, 5) * 8 + digit(x, 6) * 4
    + digit(x, 7) * 2 + digit(x, 8) + digit(x, 9) * 6 + digit(x, 10) * 3 + digit(x, 11) * 7 + digit(x, 12) * 9
    + digit(x, 13) * 10 + digit(x, 14) * 5 + digit(x, 15) * 8 + digit(x, 16) * 4 + digit(x, 17) * 2) % 11)::integer, 1);
create macro plain_resident_id(t) as upper(regexp_replace(bare(half(t)), '^[''‘’`]|[-]', '', 'g'));
create macro upgraded(p) as substr(p, 1, 6) || '19' || substr(p, 7, 9);
create macro value_resident_id(p) as case
    when regexp_matches(p, '^[1-9][0-9]{16}[0-9X]$')
        then case when day_in_id(p) is not null and checked(substr(p, 1, 17)) = p then p end
    when regexp_matches(p, '^[1-9][0-9]{14}$')
        then case when day_in_id(upgraded(p)) is not null then checked(upgraded(p)) end end;

create macro plain_date(t) as regexp_replace(half(t), ' +([-/.年月日号]) *|([-/.年月]) +', '\1\2', 'g');
create macro day(p, pattern) as try_cast(regexp_extract(p, pattern, 1) || '-'
    || lpad(regexp_extract(p, pattern, 2), 2, '0') || '-' || lpad(regexp_extract(p, pattern, 3), 2, '0') as date);
create macro value_date(p) as case
    when regexp_matches(p, '^[1-9][0-9]{3}[-/.年]') then day(p,
        '^([1-9][0-9]{3})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})(?:[日号]?|[日号]?[ T].*|[日号][上下0-9].*)$')
    when regexp_matches(p, '^[1-9][0-9]{4}$') then date '1899-12-30' + try_cast(p as integer)
    else day(p, '^([1-9][0-9]{3})([0-9]{2})([0-9]{2})(?:[ T].*|[0-9]{4}|[0-9]{6})?$') end;

create macro plain_phone(t) as
    regexp_replace(regexp_replace(bare(half(t)), '[-()_.]|^(\+|00)86', '', 'g'), '^86(1[3-9][0-9]{9})$', '\1');
create macro value_phone(p) as
    case when regexp_matches(p, '^(1[3-9][0-9]{9}|0[1-9][0-9]{8,10}|[2-9][0-9]{6,7})$') then p end;

create macro code_key(t) as upper(bare(half(t)));
create macro plain_yes_no(t) as code_key(t);
create macro value_yes_no(p) as case
    when p in ('是', '是的', '有', '对', '√', '✓', '✔', '☑', 'Y', 'YES', 'T', 'TRUE', '1') then true
    when p in ('否', '不是', '无', '没有', '错', '不对', '×', '✕', '✗', '✘', '☒', 'X', 'N', 'NO', 'F', 'FALSE', '0')
        then false end;
-- A code or a division is looked up by its key.
create macro plain_code(t) as code_key(t);
create macro plain_division(t) as code_key(t);
