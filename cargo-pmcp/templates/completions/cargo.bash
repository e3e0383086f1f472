complete -F _cargo_pmcp -o bashdefault -o default cargo-pmcp

# `cargo pmcp` as well: what completes `cargo` is asked for everything else.
_cargo_pmcp_find_before() {
    local before
    before="$(complete -p cargo 2>/dev/null)"
    [[ "${before}" == *" -F "* ]] || return 1
    before="${before#* -F }"
    _cargo_pmcp_before="${before%% *}"
}
if ! _cargo_pmcp_find_before; then
    # bash-completion loads what it has when it is first asked for.
    if declare -F _comp_load >/dev/null; then
        _comp_load cargo
    elif declare -F _completion_loader >/dev/null; then
        _completion_loader cargo
    fi
    _cargo_pmcp_find_before || _cargo_pmcp_before=""
fi
[[ "${_cargo_pmcp_before}" != _cargo_pmcp_after_cargo ]] || _cargo_pmcp_before="${_cargo_pmcp_first:-}"
_cargo_pmcp_first="${_cargo_pmcp_before}"
_cargo_pmcp_after_cargo() {
    if [[ "${COMP_WORDS[1]}" == pmcp && ${COMP_CWORD} -gt 1 ]]; then
        COMP_WORDS=(cargo-pmcp "${COMP_WORDS[@]:2}")
        COMP_CWORD=$((COMP_CWORD - 1))
        _cargo_pmcp cargo-pmcp "$2" "${COMP_WORDS[COMP_CWORD - 1]}"
    elif [[ -n "${_cargo_pmcp_before}" ]]; then
        "${_cargo_pmcp_before}" "$@"
    fi
}
complete -F _cargo_pmcp_after_cargo -o bashdefault -o default cargo
