"""GenApi XML from tables: the remote camera's features here, any other register description through `XmlWriter`.

In: features and their register addresses. Out: the text of a GenICam register description (schema 1.1). Element order
follows the schema. Registers are never cached: the camera model may change any of them at any time.
Not here: what a feature means (see feature_table.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from rigdriver_sim.camera.features import Feature, Kind
from rigdriver_sim.camera.register_file import HIGH, LOCK, LOW, STEP, STRIDE
from rigdriver_sim.feed.layout import TEXT_REGISTER


@dataclass(slots=True)
class XmlWriter:
    """Collects nodes and categories, and closes them into one description."""

    model: str
    product_guid: str
    lines: list[str] = field(default_factory=list)
    categories: dict[str, list[str]] = field(default_factory=dict)

    def node(self, tag: str, name: str, children: Iterable[tuple[str, object]], *, is_standard: bool = True) -> None:
        """Add one node; children without a value (None or empty) are left out."""
        space = "Standard" if is_standard else "Custom"
        self.lines.append(f'<{tag} Name="{escape(name)}" NameSpace="{space}">')
        self.lines += [_element(key, value) for key, value in children if value not in (None, "")]
        self.lines.append(f"</{tag}>")

    def register(
        self, name: str, address: int, *, tag: str = "IntReg", port: str = "Device", size: int = 8, access: str = "RO",
        invalidated_by: Sequence[str] = (), is_signed: bool = True,
    ) -> None:  # fmt: skip
        children: list[tuple[str, object]] = [("Visibility", "Invisible"), ("Address", f"0x{address:X}")]
        children += [("Length", size), ("AccessMode", access), ("pPort", port), ("Cachable", "NoCache")]
        children += [("pInvalidator", feature) for feature in invalidated_by]
        if tag == "IntReg":
            children.append(("Sign", "Signed" if is_signed else "Unsigned"))
        if tag in ("IntReg", "FloatReg"):
            children.append(("Endianess", "LittleEndian"))
        self.node(tag, name, children, is_standard=False)

    def list_in(self, category: str, feature: str) -> None:
        self.categories.setdefault(category, []).append(feature)

    def port(self, name: str, children: Iterable[tuple[str, object]] = ()) -> None:
        self.node("Port", name, [("Visibility", "Invisible"), *children])

    def text(self) -> bytes:
        """Return the whole description."""
        root = ["Root", *self.categories]
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<RegisterDescription ModelName="{escape(self.model)}" VendorName="rigdriver" '
            f'ToolTip="Simulated rig" StandardNameSpace="None" SchemaMajorVersion="1" SchemaMinorVersion="1" '
            f'SchemaSubMinorVersion="0" MajorVersion="1" MinorVersion="0" SubMinorVersion="0" '
            f'ProductGuid="{self.product_guid}" VersionGuid="{self.product_guid}" '
            'xmlns="http://www.genicam.org/GenApi/Version_1_1" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xsi:schemaLocation="http://www.genicam.org/GenApi/Version_1_1 '
            'http://www.genicam.org/GenApi/GenApiSchema_Version_1_1.xsd">'
        )
        groups: list[str] = []
        for category in root:
            members = list(self.categories) if category == "Root" else self.categories[category]
            groups.append(f'<Category Name="{category}" NameSpace="Standard">')
            groups += [f"<pFeature>{member}</pFeature>" for member in members]
            groups.append("</Category>")
        return "\n".join([head, *groups, *self.lines, "</RegisterDescription>\n"]).encode()


def write_features(xml: XmlWriter, features: Sequence[Feature]) -> None:
    """Add the camera's features; their registers stand `STRIDE` bytes apart, in the order given."""
    shown = {feature.name: feature.shown_name for feature in features if not feature.is_absent}
    for index, feature in enumerate(features):
        if feature.is_absent:
            continue
        xml.list_in(feature.category, feature.shown_name)
        # pSelected must not name a node that this description lacks: the consumer could not load it.
        selected = [shown[other.name] for other in features if other.selector == feature.name and other.name in shown]
        _write_feature(xml, feature, index * STRIDE, selected, shown)


def _write_feature(
    xml: XmlWriter, feature: Feature, address: int, selected: Sequence[str], shown: Mapping[str, str]
) -> None:
    name = feature.shown_name
    register = f"{name}_Reg"
    is_bounded = feature.is_numeric and feature.bounds is not None
    children: list[tuple[str, object]] = [
        ("ToolTip", feature.text),
        ("Description", feature.text),
        ("Visibility", feature.visibility),
        ("pIsLocked", f"{name}_Lock" if feature.can_be_locked else ""),
        ("ImposedAccessMode", "" if feature.is_writable else "RO"),
    ]
    # The schema wants the entries in the midst of an enumeration's elements, which `node` cannot place.
    if feature.kind is Kind.ENUMERATION:
        xml.lines.append(f'<Enumeration Name="{name}" NameSpace="Standard">')
        xml.lines += [_element(key, value) for key, value in children if value]
        xml.lines += [
            f'<EnumEntry Name="{symbol}" NameSpace="Standard"><Value>{number}</Value></EnumEntry>'
            for symbol, number in feature.entries
        ]
        xml.lines.append(f"<pValue>{register}</pValue>")
        xml.lines += [f"<pSelected>{other}</pSelected>" for other in selected]
        xml.lines.append("</Enumeration>")
    else:
        children.append(("pValue", register))
        if feature.kind is Kind.COMMAND:
            children.append(("CommandValue", 1))
        if feature.kind is Kind.BOOLEAN:
            children += [("OnValue", 1), ("OffValue", 0)]
        if is_bounded:
            children += [("pMin", f"{name}_Min"), ("pMax", f"{name}_Max")]
            # A float has none: the camera rounds it to its step itself.
            children.append(("pInc", f"{name}_Inc" if feature.kind is Kind.INTEGER else ""))
        if feature.is_numeric:
            children.append(("Unit", feature.unit))
        xml.node(feature.kind.value, name, children)
    _write_registers(xml, feature, address, shown)


def _write_registers(xml: XmlWriter, feature: Feature, address: int, shown: Mapping[str, str]) -> None:
    """Add a feature's registers; `shown` holds the names of all features that the camera has."""
    name = feature.shown_name
    is_bounded = feature.is_numeric and feature.bounds is not None
    depends_on = [shown[other] for other in feature.depends_on if other in shown]
    invalidated_by = [*depends_on, *([shown[feature.selector]] if feature.selector in shown else [])]
    tag = {Kind.FLOAT: "FloatReg", Kind.STRING: "StringReg"}.get(feature.kind, "IntReg")
    access = "WO" if feature.kind is Kind.COMMAND else "RW" if feature.is_writable else "RO"
    size = TEXT_REGISTER if feature.kind is Kind.STRING else 8
    xml.register(f"{name}_Reg", address, tag=tag, size=size, access=access, invalidated_by=invalidated_by)
    if is_bounded:
        for suffix, place in (("Min", LOW), ("Max", HIGH), ("Inc", STEP)):
            if suffix != "Inc" or feature.kind is Kind.INTEGER:
                xml.register(f"{name}_{suffix}", address + place, tag=tag, invalidated_by=depends_on)
    if feature.can_be_locked:
        keys = [shown[other] for other, _ in feature.locked_while if other in shown]
        # The consumer writes TLParamsLocked when it starts and stops a stream (SFNC), and the locks follow it.
        xml.register(f"{name}_Lock", address + LOCK, invalidated_by=["TLParamsLocked", *keys])


def _element(key: str, value: object) -> str:
    return f"<{key}>{escape(str(value), quote=False)}</{key}>"
